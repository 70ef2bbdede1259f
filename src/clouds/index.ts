/** All clouds there are. Adding one is a folder beside this file and a line here. */
import { aws } from './aws/index.ts';
import type { Cloud } from './cloud.ts';
import { docker } from './docker/index.ts';

export const CLOUDS = { aws, docker } as const satisfies Record<string, Cloud>;
export type CloudName = keyof typeof CLOUDS;
