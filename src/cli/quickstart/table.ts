/** What the table shows. Empty text where nothing is known yet. */
export interface WorldView {
  readonly networks: readonly NetworkView[];
  readonly nodes: readonly NodeView[];
}

export interface NetworkView {
  readonly name: string;
  readonly ready: string;
  readonly readyReplicas: number;
  readonly replicas: number;
  /** Of the condition Ready. */
  readonly message: string;
  readonly balancers: readonly BalancerView[];
}

export interface BalancerView {
  readonly placement: string;
  readonly state: string;
  readonly address: string;
}

export interface NodeView {
  readonly name: string;
  readonly phase: string;
  readonly zone: string;
  readonly machine: string;
  readonly address: string;
  readonly ageSeconds: number;
}

/** The lines of the live table, at most `maxLines`: with more Nodes than fit, the last line says how many are missing. */
export function renderWorld({ networks, nodes }: WorldView, maxLines: number): string[] {
  if (networks.length === 0 && nodes.length === 0) return ['No Network is there, and no Node.'];
  const balancers = networks.flatMap((network) =>
    network.balancers.map((balancer) => [
      `${network.name}/${balancer.placement}`,
      balancer.state,
      balancer.address,
    ]),
  );
  const above = [
    ...columns([
      ['NETWORK', 'READY', 'NODES', 'MESSAGE'],
      ...networks.map((n) => [n.name, n.ready, `${n.readyReplicas}/${n.replicas}`, n.message]),
    ]),
    '',
    ...(balancers.length === 0 ? [] : [...columns([['BALANCER', 'STATE', 'ADDRESS'], ...balancers]), '']),
  ];
  const room = Math.max(1, maxLines - above.length - 1);
  const fits = nodes.length <= room;
  const shown = fits ? nodes : nodes.slice(0, room - 1);
  return [
    ...above,
    ...columns([
      ['NODE', 'PHASE', 'ZONE', 'MACHINE', 'ADDRESS', 'AGE'],
      ...shown.map((n) => [n.name, n.phase, n.zone, n.machine, n.address, age(n.ageSeconds)]),
    ]),
    ...(fits ? [] : [`... and ${nodes.length - shown.length} more`]),
  ];
}

/** Rows as aligned columns, three spaces apart as kubectl prints them. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

function age(seconds: number): string {
  return seconds < 120 ? `${Math.floor(seconds)}s` : `${Math.floor(seconds / 60)}m`;
}
