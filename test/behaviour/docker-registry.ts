/**
 * A registry of one image, as far as an engine asks: https://distribution.github.io/distribution/spec/api/
 * Whether it is understood is for the engine to say.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { z } from 'zod';
import { pack } from '../../src/clouds/docker/tar.ts';

export interface Registry {
  /** `127.0.0.1:4711`; the image is `team/node:1` there. */
  readonly host: string;
  /** Requests so far. */
  asked(): number;
  /** From now on it wants to know who asks. */
  demand(user: string, password: string): void;
  /** Layers do not come until `letGo`. */
  hold(): void;
  letGo(): void;
  stop(): Promise<void>;
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const savedManifest = z.array(z.object({ Config: z.string(), Layers: z.array(z.string()) }));

export async function startRegistry(engine: Docker, image: string): Promise<Registry> {
  const { config, layers } = await contentsOf(engine, image);
  const blobs = new Map([config, ...layers].map((blob) => [digestOf(blob), blob]));
  const described = (mediaType: string, blob: Buffer) => ({
    mediaType,
    size: blob.length,
    digest: digestOf(blob),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: described('application/vnd.docker.container.image.v1+json', config),
    layers: layers.map((layer) => described('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)),
  });
  let login: string | undefined;
  let held: Promise<void> = Promise.resolve();
  let letGo = () => {};
  let requests = 0;

  const server = createServer(async (request, response) => {
    requests += 1;
    const { url = '', headers } = request;
    const refuse = (status: number, code: string) => {
      response.writeHead(status, {
        'Content-Type': 'application/json',
        'WWW-Authenticate': 'Basic realm="r"',
      });
      response.end(JSON.stringify({ errors: [{ code, message: code }] }));
    };
    if (login !== undefined && headers.authorization !== login) return refuse(401, 'UNAUTHORIZED');
    if (url === '/v2/') return response.end('{}');
    if (!url.startsWith('/v2/team/node/')) return refuse(404, 'NAME_UNKNOWN');
    if (url.includes('/manifests/')) {
      response.writeHead(200, {
        'Content-Type': MANIFEST,
        'Docker-Content-Digest': digestOf(Buffer.from(manifest)),
        'Content-Length': Buffer.byteLength(manifest),
      });
      return response.end(request.method === 'HEAD' ? undefined : manifest);
    }
    const digest = url.split('/').at(-1) ?? '';
    const blob = blobs.get(digest);
    if (blob === undefined) return refuse(404, 'BLOB_UNKNOWN');
    if (blob !== config) await held;
    return response.end(blob);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    asked: () => requests,
    demand: (user, password) => {
      login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    },
    hold: () => {
      held = new Promise((resolve) => {
        letGo = resolve;
      });
    },
    letGo: () => letGo(),
    stop: async () => {
      letGo();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const configuration = z.looseObject({
  rootfs: z.object({ type: z.string(), diff_ids: z.array(z.string()) }),
});

/** As `docker save` has them, and one layer more: the engine fetches none that it knows. */
async function contentsOf(engine: Docker, image: string) {
  const saved = await savedBy(engine, image);
  const further = pack([{ path: '/made-for', content: randomUUID() }]);
  const { history: _, rootfs, ...rest } = configuration.parse(JSON.parse(saved.config.toString()));
  const diffs = { ...rootfs, diff_ids: [...rootfs.diff_ids, digestOf(further)] };
  return {
    config: Buffer.from(JSON.stringify({ ...rest, rootfs: diffs })),
    layers: [...saved.layers, further],
  };
}

async function savedBy(engine: Docker, image: string) {
  const dir = mkdtempSync(join(tmpdir(), 'peerage-image-'));
  try {
    const archive = await buffer(await engine.getImage(image).get());
    execFileSync('tar', ['-x', '-C', dir], { input: archive });
    const read = (path: string) => readFileSync(join(dir, path));
    const [{ Config, Layers } = { Config: '', Layers: [] }] = savedManifest.parse(
      JSON.parse(read('manifest.json').toString()),
    );
    return { config: read(Config), layers: Layers.map(read) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const digestOf = (blob: Buffer): string => `sha256:${createHash('sha256').update(blob).digest('hex')}`;
