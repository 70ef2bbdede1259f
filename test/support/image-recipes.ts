import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Image } from '../../src/sandbox/docker/images.ts';
import {
  anvilImage,
  haproxyImage,
  pathLine,
  programFiles,
  rootUser,
  systemFiles,
} from '../../src/sandbox/docker/recipes.ts';
import { binaryOf } from './programs.ts';

/**
 * - `httpd`: `serve` is busybox as a web server on port 8080 or $PORT; `/cgi-bin/name` answers the container's host name.
 * - `anvil`: an Ethereum node, JSON-RPC on 8545.
 * - `btcd`: a Bitcoin node. `btcd` is the program itself, which serves JSON-RPC with TLS only. `btcd-simnet` is the same on a
 *   simnet of its own, with blocks to be mined by `generate` and plain HTTP on 18556 as user `peerage`, password `peerage`.
 * - `haproxy`: behaves as the official image does, but for its stop signal, which an import cannot set.
 * - `node`: stands in for the official one where a Dockerfile is built; holds this machine's npm.
 */
export type ImageName = 'httpd' | 'anvil' | 'btcd' | 'haproxy' | 'node';

const run = promisify(execFile);

export async function recipeOf(name: ImageName): Promise<Image> {
  return { name, ...(await recipes[name]()) };
}

const recipes: Readonly<Record<ImageName, () => Promise<Omit<Image, 'name'>>>> = {
  httpd: async () => ({
    files: {
      ...(await system()),
      '/usr/local/bin/serve': { text: serve, mode: 0o755 },
      '/www/index.html': { text: 'here\n' },
      '/www/cgi-bin/name': {
        text: '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n%s\\n" "$(hostname)"\n',
        mode: 0o755,
      },
    },
    config: [pathLine, 'EXPOSE 8080', 'CMD ["serve"]'],
  }),

  anvil: () => anvilImage({ anvil: binaryOf('anvil'), busybox: binaryOf('busybox') }),

  btcd: async () => ({
    files: {
      ...(await system()),
      ...(await programFiles(binaryOf('btcd'), '/usr/local/bin/btcd')),
      '/usr/local/bin/btcd-simnet': { text: btcdSimnet, mode: 0o755 },
    },
    config: [pathLine, 'ENV HOME=/tmp', 'EXPOSE 18555 18556', 'CMD ["btcd-simnet"]'],
  }),

  haproxy: () => haproxyImage({ haproxy: binaryOf('haproxy'), busybox: binaryOf('busybox') }),

  node: async () => {
    const npm = npmFolder();
    const packageJson = await readFile(join(npm, 'package.json'), 'utf8');
    const { files, config } = await reachRegistry();
    return {
      files: {
        ...(await system()),
        ...(await programFiles(
          { path: realpathSync(process.execPath), libraries: [] },
          '/usr/local/bin/node',
        )),
        '/usr/local/lib/node_modules/npm': { tree: npm, version: packageJson },
        '/usr/local/bin/npm': { link: '../lib/node_modules/npm/bin/npm-cli.js' },
        '/etc/passwd': { text: `${rootUser}node:x:1000:1000::/home/node:/bin/sh\n` },
        '/etc/group': { text: 'root:x:0:\nnode:x:1000:\n' },
        ...files,
      },
      config: [pathLine, 'CMD ["node"]', ...config],
    };
  },
};

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

const system = () => systemFiles(binaryOf('busybox'));

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
async function reachRegistry(): Promise<Pick<Image, 'files' | 'config'>> {
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
