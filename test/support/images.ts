import type { Engine } from '../../src/sandbox/docker/engine.ts';
import { importImage as importInto } from '../../src/sandbox/docker/images.ts';
import { type ImageName, recipeOf } from './image-recipes.ts';

export type { ImageName } from './image-recipes.ts';

/**
 * Puts an image into an engine, without any registry, and answers its reference, which names the content unless one is given:
 * `peerage-test/btcd:5f1c...`.
 */
export async function importImage(
  engine: Pick<Engine, 'socketPath'>,
  name: ImageName,
  as = `peerage-test/${name}`,
): Promise<string> {
  const [, repository = as, tag] = /^(.+):([^:/]+)$/.exec(as) ?? [];
  return await importInto(engine, await recipeOf(name), {
    repository,
    ...(tag === undefined ? {} : { tag }),
  });
}
