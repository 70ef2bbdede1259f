import { describe, expect, test } from 'vitest';
import { findControlPlane, knownPlaces, type Place } from './find.ts';

const has = (source: Place['source'], dir: string): Place => ({ source, look: async () => dir });
const lacks = (source: Place['source']): Place => ({ source, look: async () => undefined });
const fails = (source: Place['source'], message: string): Place => ({
  source,
  look: () => Promise.reject(new Error(message)),
});

describe('finding a control plane', () => {
  test('asks the user first, then our cache, then the archive, and compiles last', () => {
    expect(knownPlaces.map(({ source }) => source)).toEqual([
      'KUBEBUILDER_ASSETS',
      'cache',
      'envtest archive',
      'Go build',
    ]);
  });

  test('takes the first place that has it and asks no further', async () => {
    const asked: string[] = [];
    const watched = ({ source, look }: Place): Place => ({
      source,
      look: (onProgress) => {
        asked.push(source);
        return look(onProgress);
      },
    });
    const places = [lacks('KUBEBUILDER_ASSETS'), has('cache', '/cached'), has('Go build', '/built')].map(
      watched,
    );

    await expect(findControlPlane({ places })).resolves.toEqual({ dir: '/cached', source: 'cache' });
    expect(asked).toEqual(['KUBEBUILDER_ASSETS', 'cache']);
  });

  test('goes on when a place fails', async () => {
    const places = [fails('envtest archive', 'no answer'), has('Go build', '/built')];

    await expect(findControlPlane({ places })).resolves.toEqual({ dir: '/built', source: 'Go build' });
  });

  test('tells why the last place failed when none has it', async () => {
    const places = [fails('envtest archive', 'no answer'), fails('Go build', 'install Go')];

    await expect(findControlPlane({ places })).rejects.toThrow(
      'no Kubernetes control plane found: install Go',
    );
  });
});
