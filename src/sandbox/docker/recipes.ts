/** Images made out of programs that are at hand, where no registry is. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Image } from './images.ts';
import type { Binary } from './programs.ts';

const run = promisify(execFile);

/** A shell and the usual small programs. */
export async function systemFiles({ path }: Binary): Promise<Image['files']> {
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

export const pathLine = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/bin';
export const rootUser = 'root:x:0:0:root:/root:/bin/sh\n';

/** An Ethereum node, JSON-RPC on 8545. */
export async function anvilImage({ anvil, busybox }: Readonly<Record<'anvil' | 'busybox', Binary>>) {
  return {
    name: 'anvil',
    files: { ...(await systemFiles(busybox)), ...(await programFiles(anvil, '/usr/local/bin/anvil')) },
    config: [pathLine, 'EXPOSE 8545', 'CMD ["anvil", "--host", "0.0.0.0"]'],
  } satisfies Image;
}

/**
 * Behaves as the official image does, but for its stop signal, which an import cannot set.
 * https://github.com/docker-library/haproxy/blob/master/2.6/Dockerfile
 */
export async function haproxyImage({ haproxy, busybox }: Readonly<Record<'haproxy' | 'busybox', Binary>>) {
  return {
    name: 'haproxy',
    files: {
      ...(await systemFiles(busybox)),
      ...(await programFiles(haproxy, '/usr/local/sbin/haproxy')),
      '/usr/local/bin/docker-entrypoint.sh': { text: haproxyEntrypoint, mode: 0o755 },
      '/etc/passwd': { text: `${rootUser}haproxy:x:99:99::/var/lib/haproxy:/bin/false\n` },
      '/etc/group': { text: 'root:x:0:\nhaproxy:x:99:\n' },
    },
    config: [
      pathLine,
      'USER haproxy',
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]',
    ],
  } satisfies Image;
}

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

/** The binary, and all libraries that it asks for, where its loader finds them. */
export async function programFiles({ path, libraries }: Binary, at: string): Promise<Image['files']> {
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
