/** The machine types and images this cloud sells: a slice of the real ones, enough to choose and to choose wrongly. */

export interface InstanceType {
  readonly name: string;
  readonly architecture: 'x86_64' | 'arm64';
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly burstable: boolean;
}

const sizes = {
  nano: [2, 0.5],
  micro: [2, 1],
  small: [2, 2],
  medium: [2, 4],
  large: [2, 8],
  xlarge: [4, 16],
  '2xlarge': [8, 32],
} as const;

const burstable = family(['t3', 't3a'], 'x86_64', sizes, 1, true);
const burstableArm = family(['t4g'], 'arm64', sizes, 1, true);
const general = { large: [2, 8], xlarge: [4, 16], '2xlarge': [8, 32], '4xlarge': [16, 64] } as const;

export const instanceTypes: ReadonlyMap<string, InstanceType> = new Map(
  [
    ...burstable,
    ...burstableArm,
    ...family(['m5', 'm6i', 'm7i'], 'x86_64', general, 1, false),
    ...family(['m6g', 'm7g'], 'arm64', general, 1, false),
    ...family(['c5', 'c6i'], 'x86_64', general, 0.5, false),
    ...family(['c6g', 'c7g'], 'arm64', general, 0.5, false),
    ...family(['r5'], 'x86_64', general, 2, false),
    ...family(['r6g'], 'arm64', general, 2, false),
  ].map((type) => [type.name, type] as const),
);

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: 'x86_64' | 'arm64';
  readonly createdAt: string;
  readonly snapshotId: string;
}

/** The public images of a region. Their ids differ by region, as the real ones do. */
export function imagesOf(region: string): readonly Image[] {
  const hash = Array.from(region).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  const tail = hash.toString(16).padStart(8, '0');
  return [
    image('x86_64', `ami-0a1${tail}864020`, 'kernel-6.1', tail),
    image('arm64', `ami-0a1${tail}64a020`, 'kernel-6.1', tail),
  ];
}

/** https://docs.aws.amazon.com/linux/al2023/ug/ec2.html names the parameters: latest/al2023-ami[-minimal]-kernel-X-ARCH. */
export function imageOfParameter(region: string, parameter: string): Image | undefined {
  const match =
    /^\/aws\/service\/ami-amazon-linux-latest\/al2023-ami-(?:minimal-)?kernel-(?:default|6\.\d+)-(x86_64|arm64)$/.exec(
      parameter,
    );
  return match === null ? undefined : imagesOf(region).find((image) => image.architecture === match[1]);
}

function image(architecture: Image['architecture'], id: string, kernel: string, tail: string): Image {
  return {
    id,
    name: `al2023-ami-2023.9.20260105.0-${kernel}-${architecture}`,
    description: `Amazon Linux 2023 AMI 2023.9.20260105.0 ${architecture} HVM ${kernel}`,
    architecture,
    createdAt: '2026-01-05T10:00:00.000Z',
    snapshotId: `snap-0b1${tail}${architecture === 'arm64' ? '64a' : '864'}020`,
  };
}

function family(
  names: readonly string[],
  architecture: InstanceType['architecture'],
  shapes: Readonly<Record<string, readonly [vcpus: number, memoryGib: number]>>,
  memoryFactor: number,
  isBurstable: boolean,
): InstanceType[] {
  return names.flatMap((name) =>
    Object.entries(shapes).map(([size, [vcpus, memoryGib]]) => ({
      name: `${name}.${size}`,
      architecture,
      vcpus,
      memoryMib: memoryGib * memoryFactor * 1024,
      burstable: isBurstable,
    })),
  );
}
