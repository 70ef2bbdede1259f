/** What an HAProxy says of its servers, in the CSV of its statistics (`GET /;csv`, or `show stat` on its socket). */

export interface ServerStats {
  /** The proxy it stands in: `poolOf` the port. */
  readonly pool: string;
  readonly server: string;
  /** `checking`: it is changing its mind, or has not been asked yet. `maint`: its name has no address. */
  readonly status: 'up' | 'down' | 'checking' | 'drain' | 'maint';
  /** The last check in HAProxy's words: `L4CON Connection refused`. Absent while the server is up. */
  readonly reason?: string;
  /** Connections, or requests under way. */
  readonly sessions: number;
}

/**
 * Columns are found by their names, as every version adds some.
 * https://docs.haproxy.org/2.6/management.html#9.1
 * Throws when it is no such CSV: an error page, or an answer that was cut off.
 */
export function parseStats(csv: string): readonly ServerStats[] {
  const [header = '', ...rows] = csv.split('\n').filter((line) => line.trim() !== '');
  const names = header.replace(/^# /, '').trim().split(',');
  if (!header.startsWith('# pxname,svname,')) {
    throw new Error(`no statistics of HAProxy: ${JSON.stringify(header.slice(0, 80))}`);
  }
  return rows.map((row) => zip(names, splitRow(row))).flatMap(toServer);
}

type Row = ReadonlyMap<string, string>;

function zip(names: readonly string[], values: readonly string[]): Row {
  if (values.length !== names.length) {
    throw new Error(`statistics of HAProxy are cut off: ${values.length} of ${names.length} columns`);
  }
  return new Map(names.map((name, at) => [name, values[at] ?? '']));
}

/** Texts stand in double quotes, doubled inside: a check's reason can hold commas. */
function splitRow(row: string): readonly string[] {
  return Array.from(row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '').trim() : quoted.replaceAll('""', '"'),
  );
}

function toServer(row: Row): readonly ServerStats[] {
  const server = row.get('svname') ?? '';
  if (server === 'FRONTEND' || server === 'BACKEND') {
    return [];
  }
  const status = toStatus(row.get('status') ?? '', row);
  const reason = status === 'up' ? '' : reasonOf(row);
  return [
    {
      pool: row.get('pxname') ?? '',
      server,
      status,
      ...(reason === '' ? {} : { reason }),
      sessions: Number(row.get('scur') ?? 0),
    },
  ];
}

/** `UP`, `UP 1/3` (going down), `DOWN`, `DOWN 1/2` (going up), `NOLB`, `DRAIN`, `MAINT`, `MAINT (resolution)`, `no check`. */
function toStatus(word: string, row: Row): ServerStats['status'] {
  if (word.startsWith('MAINT')) {
    return 'maint';
  }
  if (word.startsWith('DRAIN') || word.startsWith('NOLB')) {
    return 'drain';
  }
  if (word === 'DOWN') {
    return 'down';
  }
  if (word.startsWith('DOWN')) {
    return 'checking';
  }
  // Before its first check a server counts as up. `INI` says that none has ended.
  return word === 'no check' || (row.get('check_status') ?? '').replace('* ', '') !== 'INI'
    ? 'up'
    : 'checking';
}

const reasonOf = (row: Row): string =>
  ['check_status', 'last_chk', 'check_desc']
    .map((column) => (row.get(column) ?? '').trim())
    .filter((text, at, all) => text !== '' && all.indexOf(text) === at)
    .join(' ');
