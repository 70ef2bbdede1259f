import { invalid } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Balancer } from '../records.ts';
import { leaf, members } from '../xml.ts';

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html */
export function balancerDefaults(type: Balancer['type']): Readonly<Record<string, string>> {
  const common = {
    'deletion_protection.enabled': 'false',
    'access_logs.s3.enabled': 'false',
    'access_logs.s3.bucket': '',
    'access_logs.s3.prefix': '',
    'zonal_shift.config.enabled': 'false',
    'ipv6.deny_all_igw_traffic': 'false',
  };
  if (type === 'network') {
    return {
      ...common,
      'load_balancing.cross_zone.enabled': 'false',
      'dns_record.client_routing_policy': 'any_availability_zone',
      'secondary_ips.auto_assigned.per_subnet': '0',
    };
  }
  return {
    ...common,
    'load_balancing.cross_zone.enabled': 'true',
    'idle_timeout.timeout_seconds': '60',
    'client_keep_alive.seconds': '3600',
    'routing.http2.enabled': 'true',
    'routing.http.drop_invalid_header_fields.enabled': 'false',
    'routing.http.preserve_host_header.enabled': 'false',
    'routing.http.x_amzn_tls_version_and_cipher_suite.enabled': 'false',
    'routing.http.xff_client_port.enabled': 'false',
    'routing.http.xff_header_processing.mode': 'append',
    'routing.http.desync_mitigation_mode': 'defensive',
    'waf.fail_open.enabled': 'false',
    'connection_logs.s3.enabled': 'false',
    'connection_logs.s3.bucket': '',
    'connection_logs.s3.prefix': '',
  };
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html */
export function targetGroupDefaults(isHttp: boolean): Readonly<Record<string, string>> {
  const common = {
    'deregistration_delay.timeout_seconds': '300',
    'stickiness.enabled': 'false',
    'load_balancing.cross_zone.enabled': 'use_load_balancer_configuration',
    'target_group_health.dns_failover.minimum_healthy_targets.count': '1',
    'target_group_health.dns_failover.minimum_healthy_targets.percentage': 'off',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': '1',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': 'off',
  };
  if (isHttp) {
    return {
      ...common,
      'stickiness.type': 'lb_cookie',
      'stickiness.lb_cookie.duration_seconds': '86400',
      'stickiness.app_cookie.cookie_name': '',
      'stickiness.app_cookie.duration_seconds': '86400',
      'load_balancing.algorithm.type': 'round_robin',
      'load_balancing.algorithm.anomaly_mitigation': 'off',
      'slow_start.duration_seconds': '0',
    };
  }
  return {
    ...common,
    'stickiness.type': 'source_ip',
    'preserve_client_ip.enabled': 'true',
    'proxy_protocol_v2.enabled': 'false',
    'deregistration_delay.connection_termination.enabled': 'false',
    'target_health_state.unhealthy.connection_termination.enabled': 'true',
    'target_health_state.unhealthy.draining_interval_seconds': '0',
  };
}

/** Reads `Attributes.member.N` over the present values; a key that the resource does not have is refused. */
export function changedAttributes(
  params: Params,
  present: Readonly<Record<string, string>>,
  what: string,
): Readonly<Record<string, string>> {
  const changed: Record<string, string> = { ...present };
  for (const attribute of params.list('Attributes')) {
    const key = attribute.text('Key') ?? '';
    const value = attribute.text('Value') ?? '';
    if (!(key in present)) throw invalid(`${what} attribute key '${key}' is not recognized`);
    if (key.endsWith('_seconds') && !/^\d+$/.test(value)) {
      throw invalid(`The value of '${key}' must be a number of seconds, not '${value}'`);
    }
    if (key === 'deregistration_delay.timeout_seconds' && Number(value) > 3600) {
      throw invalid(`'${key}' must be between '0' and '3600' inclusive`);
    }
    changed[key] = value;
  }
  return changed;
}

export function attributesXml(attributes: Readonly<Record<string, string>>): string {
  return members(
    'Attributes',
    Object.entries(attributes),
    ([key, value]) => leaf('Key', key) + leaf('Value', value),
  );
}
