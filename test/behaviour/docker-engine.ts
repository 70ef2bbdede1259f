/** A real engine with hands in it that are not ours. */
import Docker from 'dockerode';
import type { CallGate, CloudSession } from '../../src/clouds/cloud.ts';
import { docker } from '../../src/clouds/docker/index.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { importImage } from '../support/images.ts';

export interface DockerGround {
  readonly engine: Engine;
  /** Past the operator. */
  readonly hands: Docker;
  /** busybox as a web server on port 8080. */
  readonly image: string;
  /** Calls since the last `takeCalls`, by their names. */
  takeCalls(): string[];
  open(cluster: string, options?: GroundOptions): Promise<CloudSession>;
  stop(): Promise<void>;
}

export interface GroundOptions {
  /** Where the engine is said to listen. Absent: its socket. */
  readonly host?: string;
  readonly address?: string;
  readonly now?: () => number;
}

export async function startDockerGround(): Promise<DockerGround> {
  const engine = await startEngine();
  const hands = new Docker({ socketPath: engine.socketPath, host: undefined });
  const image = await importImage(engine, 'httpd');
  const calls: string[] = [];
  const gate: CallGate = (call, run) => {
    calls.push(call.api);
    return run(call.signal);
  };
  return {
    engine,
    hands,
    image,
    takeCalls: () => calls.splice(0),
    open: (cluster, { host = `unix://${engine.socketPath}`, address, now = Date.now } = {}) =>
      docker.open({
        region: docker.homeRegionOf({}),
        credential: { host, ...(address === undefined ? {} : { address }) },
        cluster,
        gate,
        now,
      }),
    stop: engine.stop,
  };
}
