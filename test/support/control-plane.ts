import type { TestProject } from 'vitest/node';
import { startControlPlane } from '../../src/sandbox/kubernetes/control-plane.ts';

/** The run's API server, as tests get it by `inject('controlPlane')`. Its user may do everything. */
export interface SharedControlPlane {
  readonly url: string;
  readonly kubeconfigPath: string;
  readonly kubectlPath: string;
  readonly caPem: string;
  /** One JSON event a line; see audit.ts. */
  readonly auditLogPath: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the administrator's kubeconfig. */
    kubeconfig: string;
    controlPlane: SharedControlPlane;
  }
}

/**
 * Global setup of vitest projects: one server per run, shared by all projects and files that want it; each test makes its own
 * namespace. Vitest sets projects up one after the other, so the second one finds what the first one started.
 */
export default async function setup({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const run = vitest.getRootProject();
  if ('controlPlane' in run.getProvidedContext()) {
    return undefined;
  }
  const named = process.env.PEERAGE_TEST_CONTROL_PLANE;
  const controlPlane = await startControlPlane({
    audit: true,
    controllerManager: true,
    onProgress: (line) => vitest.logger.log(line),
    ...(named ? { dir: named } : {}),
  });
  const { url, kubeconfigPath, kubectlPath, caPem, auditLogPath = '' } = controlPlane;
  run.provide('kubeconfig', kubeconfigPath);
  run.provide('controlPlane', { url, kubeconfigPath, kubectlPath, caPem, auditLogPath });
  return () => controlPlane.stop();
}
