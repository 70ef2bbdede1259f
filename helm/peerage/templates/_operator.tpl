{{/* What src/config.ts reads, then what the SDKs and Node read. */}}
{{- define "peerage.env" -}}
- name: PEERAGE_LEADER_ELECT
  value: "true"
- name: PEERAGE_LEADER_ELECT_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.watchNamespaces }}
- name: PEERAGE_WATCH_NAMESPACES
  value: {{ join "," . }}
{{- end }}
- name: PEERAGE_PAUSED
  value: {{ .Values.paused | quote }}
- name: PEERAGE_SECRET_FINALIZERS
  value: {{ .Values.secretFinalizers | quote }}
{{- with .Values.clusterId }}
- name: PEERAGE_CLUSTER_ID
  value: {{ . | quote }}
{{- end }}
- name: PEERAGE_LOG_LEVEL
  value: {{ .Values.log.level }}
- name: PEERAGE_METRICS_ADDRESS
  value: ":{{ .Values.metrics.port }}"
- name: PEERAGE_HEALTH_ADDRESS
  value: ":8081"
{{- if include "peerage.extraCaSource" . }}
- name: PEERAGE_EXTRA_CA_FILE
  value: /etc/peerage/ca/{{ .Values.extraCa.key }}
{{- end }}
{{- include "peerage.proxyEnv" . }}
{{- end -}}

{{/* The API server by its address in the cluster, and the addresses of machine metadata and Pod identity. */}}
{{- define "peerage.proxyEnv" -}}
{{- $proxy := .Values.proxy -}}
{{- if or $proxy.httpsProxy $proxy.httpProxy }}
{{- with $proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with $proxy.httpProxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
- name: NO_PROXY
  value: {{ concat (list "$(KUBERNETES_SERVICE_HOST)" "localhost" "127.0.0.1" "169.254.169.254" "169.254.170.2" "169.254.170.23" ".svc" ".cluster.local") $proxy.noProxy | join "," | quote }}
{{- end }}
{{- end -}}

{{- define "peerage.extraCaSource" -}}
{{- if and .Values.extraCa.configMapName .Values.extraCa.secretName -}}
{{- fail "extraCa takes configMapName or secretName, not both" -}}
{{- end -}}
{{- if .Values.extraCa.configMapName -}}
configMap:
  name: {{ .Values.extraCa.configMapName }}
{{- else if .Values.extraCa.secretName -}}
secret:
  secretName: {{ .Values.extraCa.secretName }}
{{- end -}}
{{- end -}}

{{- define "peerage.volumeMounts" -}}
{{- if include "peerage.extraCaSource" . -}}
- name: extra-ca
  mountPath: /etc/peerage/ca
  readOnly: true
{{ end -}}
{{- with .Values.extraVolumeMounts -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- define "peerage.volumes" -}}
{{- with include "peerage.extraCaSource" . -}}
- name: extra-ca
  {{- . | nindent 2 }}
{{ end -}}
{{- with .Values.extraVolumes -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
