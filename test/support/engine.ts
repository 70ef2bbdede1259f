import {
  type Engine,
  type EngineOptions,
  find,
  startEngine as start,
  whyNoEngine,
} from '../../src/sandbox/docker/engine.ts';

export type { Engine, EngineOptions };

/** An engine of the test's own. It dies with this process. */
export function startEngine(options: EngineOptions = {}): Promise<Engine> {
  return start({ dockerd: dockerdPath(), ...options });
}

/**
 * The engine that tests may start: what PEERAGE_TEST_DOCKERD names, else the one that is installed. Undefined when none is,
 * or when we may not start it. For `describe.skipIf(!dockerdPath())`: `npm test` says what was skipped for want of what.
 */
export function dockerdPath(): string | undefined {
  const dockerd = process.env.PEERAGE_TEST_DOCKERD || find('dockerd');
  return whyNoEngine(dockerd) === undefined ? dockerd : undefined;
}

/** Answers the path of dockerd once it was seen to run here. Rejects with what is missing. */
export async function prepareEngine(): Promise<string> {
  const path = dockerdPath();
  if (path === undefined) throw new Error(whyNoEngine());
  if (find('docker') === undefined) throw new Error('it needs the program docker');
  const engine = await startEngine();
  await engine.stop();
  return path;
}
