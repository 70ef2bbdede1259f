/** https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html, and those of the partitions apart. */
const names: Readonly<Record<string, readonly string[]>> = {
  af: ['south-1'],
  ap: [
    ...['east-1', 'east-2', 'south-1', 'south-2', 'northeast-1', 'northeast-2', 'northeast-3'],
    ...[
      'southeast-1',
      'southeast-2',
      'southeast-3',
      'southeast-4',
      'southeast-5',
      'southeast-6',
      'southeast-7',
    ],
  ],
  ca: ['central-1', 'west-1'],
  cn: ['north-1', 'northwest-1'],
  eu: ['central-1', 'central-2', 'north-1', 'south-1', 'south-2', 'west-1', 'west-2', 'west-3'],
  il: ['central-1'],
  me: ['central-1', 'south-1'],
  mx: ['central-1'],
  sa: ['east-1'],
  us: ['east-1', 'east-2', 'west-1', 'west-2', 'gov-east-1', 'gov-west-1'],
};

const known = new Set(Object.entries(names).flatMap(([area, rest]) => rest.map((name) => `${area}-${name}`)));

export function isRegion(name: string): boolean {
  return known.has(name);
}
