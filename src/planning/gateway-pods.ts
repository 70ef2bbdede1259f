/** The Deployment of a gateway. Pure. */
import type { Gateway } from '../api/gateway.ts';
import { ANNOTATIONS } from '../api/names.ts';
import { ALIVE_PATH, READY_PATH } from '../haproxy/render.ts';

export interface GatewayPodFacts {
  /** Of the Deployment, and of the ConfigMap with the configuration. */
  readonly name: string;
  readonly gateway: Gateway;
  readonly labels: Readonly<Record<string, string>>;
  readonly configHash: string;
  readonly ports: readonly number[];
  readonly statsPort: number;
  readonly drainSeconds: number;
}

/** The user of the official images. They name it, and Kubernetes wants its number to see that it is not root. */
const HAPROXY_USER = 99;
const CONFIG_DIR = '/etc/haproxy';
/** Key in the ConfigMap, and name of the file. */
export const CONFIG_FILE = 'haproxy.cfg';
/** Until everybody in the cluster has heard that a Pod goes: it is open for connections as long. */
const FAREWELL_SECONDS = 5;

/**
 * A new configuration is a new Pod: it takes part when it reaches a placement, and only then an old one goes, which lets
 * its connections run out.
 */
export function deploymentSpec(facts: GatewayPodFacts) {
  const { name, gateway, labels, configHash, drainSeconds } = facts;
  return {
    replicas: gateway.replicas,
    revisionHistoryLimit: 2,
    selector: { matchLabels: labels },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels, annotations: { [ANNOTATIONS.config]: configHash } },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: FAREWELL_SECONDS + drainSeconds + 5,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: HAPROXY_USER,
          runAsGroup: HAPROXY_USER,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map(
          (topologyKey) => ({
            maxSkew: 1,
            topologyKey,
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: labels },
          }),
        ),
        containers: [container(facts)],
        volumes: [{ name: 'config', configMap: { name } }],
      },
    },
  };
}

function container({ gateway, ports, statsPort }: GatewayPodFacts) {
  const ask = (path: string) => ({ httpGet: { path, port: statsPort } });
  return {
    name: 'haproxy',
    image: gateway.image,
    command: ['haproxy', '-db', '-f', `${CONFIG_DIR}/${CONFIG_FILE}`],
    ports: [
      ...ports.map((port) => ({ name: `port-${port}`, containerPort: port, protocol: 'TCP' })),
      { name: 'stats', containerPort: statsPort, protocol: 'TCP' },
    ],
    // Ten minutes, since new balancers of clouds take their time.
    startupProbe: { ...ask(READY_PATH), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 300 },
    readinessProbe: { ...ask(ALIVE_PATH), periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...ask(ALIVE_PATH), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    lifecycle: { preStop: { sleep: { seconds: FAREWELL_SECONDS } } },
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [{ name: 'config', mountPath: CONFIG_DIR, readOnly: true }],
  };
}
