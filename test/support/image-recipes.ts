import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Binary, binaryOf, type Program } from './programs.ts';

/**
 * - `httpd`: `serve` is busybox as a web server on port 8080 or $PORT; `/cgi-bin/name` answers the container's host name.
 * - `anvil`: an Ethereum node, JSON-RPC on 8545.
 * - `btcd`: a Bitcoin node. `btcd` is the program itself, which serves JSON-RPC with TLS only. `btcd-simnet` is the same on a
 *   simnet of its own, with blocks to be mined by `generate` and plain HTTP on 18556 as user `peerage`, password `peerage`.
 * - `haproxy`: behaves as the official image does, but for its stop signal, which an import cannot set.
 * - `node`: stands in for the official one where a Dockerfile is built; holds this machine's npm.
 */
export type ImageName = 'httpd' | 'anvil' | 'btcd' | 'haproxy' | 'node';

export interface Image {
  /** By path in the image. */
  readonly files: Readonly<Record<string, ImageFile>>;
  /** As in a Dockerfile, as far as `docker import --change` takes it. */
  readonly config: readonly string[];
}

export type ImageFile =
  | { readonly copy: string; readonly mode?: number }
  | { readonly text: string; readonly mode?: number }
  | { readonly link: string }
  /** `version` tells one content of the folder from another. */
  | { readonly tree: string; readonly version: string };

const run = promisify(execFile);

export async function recipeOf(name: ImageName): Promise<Image> {
  const base = await system();
  const { files, config } = await recipes[name]();
  return {
    files: { ...base, ...files },
    config: ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/bin', ...config],
  };
}

const recipes: Readonly<Record<ImageName, () => Promise<Image>>> = {
  httpd: async () => ({
    files: {
      '/usr/local/bin/serve': { text: serve, mode: 0o755 },
      '/www/index.html': { text: 'here\n' },
      '/www/cgi-bin/name': {
        text: '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n%s\\n" "$(hostname)"\n',
        mode: 0o755,
      },
    },
    config: ['EXPOSE 8080', 'CMD ["serve"]'],
  }),

  anvil: async () => ({
    files: await program('anvil', '/usr/local/bin/anvil'),
    config: ['EXPOSE 8545', 'CMD ["anvil", "--host", "0.0.0.0"]'],
  }),

  btcd: async () => ({
    files: {
      ...(await program('btcd', '/usr/local/bin/btcd')),
      '/usr/local/bin/btcd-simnet': { text: btcdSimnet, mode: 0o755 },
    },
    config: ['ENV HOME=/tmp', 'EXPOSE 18555 18556', 'CMD ["btcd-simnet"]'],
  }),

  // https://github.com/docker-library/haproxy/blob/master/2.6/Dockerfile
  haproxy: async () => ({
    files: {
      ...(await program('haproxy', '/usr/local/sbin/haproxy')),
      '/usr/local/bin/docker-entrypoint.sh': { text: haproxyEntrypoint, mode: 0o755 },
      '/etc/passwd': { text: `${rootUser}haproxy:x:99:99::/var/lib/haproxy:/bin/false\n` },
      '/etc/group': { text: 'root:x:0:\nhaproxy:x:99:\n' },
    },
    config: [
      'USER haproxy',
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]',
    ],
  }),

  node: async () => {
    const npm = npmFolder();
    const packageJson = await readFile(join(npm, 'package.json'), 'utf8');
    const { files, config } = await reachRegistry();
    return {
      files: {
        ...(await dynamic({ path: realpathSync(process.execPath), libraries: [] }, '/usr/local/bin/node')),
        '/usr/local/lib/node_modules/npm': { tree: npm, version: packageJson },
        '/usr/local/bin/npm': { link: '../lib/node_modules/npm/bin/npm-cli.js' },
        '/etc/passwd': { text: `${rootUser}node:x:1000:1000::/home/node:/bin/sh\n` },
        '/etc/group': { text: 'root:x:0:\nnode:x:1000:\n' },
        ...files,
      },
      config: ['CMD ["node"]', ...config],
    };
  },
};

const rootUser = 'root:x:0:0:root:/root:/bin/sh\n';

/** The first process of a container ignores SIGTERM unless it says what to do. */
const serve = `#!/bin/sh
trap 'exit 0' TERM
httpd -f -p "\${PORT:-8080}" -h /www &
wait $!
`;

/** The simnet address of a key that nobody has: what is mined is not meant to be spent. */
const nobodysAddress = 'SMPJunctnV4LunQRk37CuFeWeU9iBDoZwx';

const btcdSimnet = `#!/bin/sh
# btcd itself refuses to serve plain HTTP to anyone but its own host, so somebody there carries it on.
nc -ll -p 18556 -e nc 127.0.0.1 18557 &
exec btcd --simnet --notls --rpclisten=127.0.0.1:18557 --rpcuser=peerage --rpcpass=peerage \\
  --miningaddr=${nobodysAddress} "$@"
`;

const haproxyEntrypoint = `#!/bin/sh
set -e
if [ "\${1#-}" != "$1" ]; then
  set -- haproxy "$@"
fi
if [ "$1" = 'haproxy' ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
`;

/** A shell and the usual small programs. */
async function system(): Promise<Image['files']> {
  const { path } = binaryOf('busybox');
  const { stdout } = await run(path, ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  return {
    '/bin/busybox': { copy: path },
    ...Object.fromEntries(applets.map((name) => [`/bin/${name}`, { link: 'busybox' }])),
    '/usr/bin/env': { link: '../../bin/busybox' },
    '/etc/passwd': { text: rootUser },
    '/etc/group': { text: 'root:x:0:\n' },
  };
}

async function program(name: Program, at: string): Promise<Image['files']> {
  return dynamic(binaryOf(name), at);
}

/** The binary, and all libraries that it asks for, where its loader finds them. */
async function dynamic({ path, libraries }: Binary, at: string): Promise<Image['files']> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', LD_LIBRARY_PATH: libraries.join(':') };
  // It fails for a static binary, which asks for none.
  const { stdout } = await run('ldd', [path], { env }).catch(() => ({ stdout: '' }));
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) throw new Error(`${path} lacks ${missing}`);
  const found = [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].flatMap(([, file = '']) => file);
  const placed = (file: string) => file.replace(/^.*\/root(?=\/(usr\/)?lib\/)/, '');
  return {
    [at]: { copy: path },
    ...Object.fromEntries(found.map((file) => [placed(file), { copy: file }])),
  };
}

/** npm says where it is when it is what started us. */
function npmFolder(): string {
  const cli =
    process.env.npm_execpath ??
    (process.env.PATH ?? '')
      .split(':')
      .map((dir) => join(dir, 'npm'))
      .find(existsSync);
  if (cli === undefined) throw new Error('npm is not installed');
  return dirname(dirname(realpathSync(cli)));
}

/** What this machine's npm needs to know to reach its registry: where, and whom to trust. A proxy is for the build to be told. */
async function reachRegistry(): Promise<Image> {
  const { stdout } = await run('npm', ['config', 'get', 'registry', 'cafile']);
  const [, registry = ''] = /^registry=(.*)$/m.exec(stdout) ?? [];
  const [, cafile = ''] = /^cafile=(.*)$/m.exec(stdout) ?? [];
  const trusted = {
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ?? '',
    npm_config_cafile: cafile,
  };
  const named = Object.entries(trusted).filter(([, file]) => existsSync(file));
  return {
    files: Object.fromEntries(
      named.map(([name, file]) => [`/etc/ssl/${name}.pem`, { copy: file, mode: 0o644 }]),
    ),
    config: [
      ...named.map(([name]) => `ENV ${name}=/etc/ssl/${name}.pem`),
      ...(registry === '' || registry === 'https://registry.npmjs.org/'
        ? []
        : [`ENV npm_config_registry=${registry}`]),
    ],
  };
}
