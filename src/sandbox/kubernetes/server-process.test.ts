import { describe, expect, test } from 'vitest';
import { startServerProcess } from './server-process.ts';

const node = (program: string) => ({
  name: 'server',
  command: process.execPath,
  args: ['-e', program],
  env: {},
});
const runsForever = 'setInterval(() => {}, 1000)';

describe('a server process', () => {
  test('is started when it is ready, not before', async () => {
    let asked = 0;

    const server = await startServerProcess({ ...node(runsForever), isReady: async () => ++asked === 3 });

    expect(asked).toBe(3);
    await server.stop('SIGKILL');
  });

  test('that ends early fails with its last words', async () => {
    const program = 'console.error("no such flag"); process.exit(2)';

    await expect(startServerProcess({ ...node(program), isReady: async () => false })).rejects.toThrow(
      /server ended with code 2 before it was ready:\nno such flag/,
    );
  });

  test('that is never ready is ended and fails', async () => {
    const start = startServerProcess({ ...node(runsForever), isReady: async () => false, readyWithinMs: 1 });

    await expect(start).rejects.toThrow('server was not ready in time');
  });

  test('that cannot be started fails with the reason', async () => {
    const start = startServerProcess({ ...node(''), command: '/nowhere/server', isReady: async () => true });

    await expect(start).rejects.toThrow('starting server: spawn /nowhere/server ENOENT');
  });

  test('sees nothing of our environment but what it is given', async () => {
    const program = `console.log('env ' + JSON.stringify(process.env)); ${runsForever}`;
    let printed = '';
    const server = await startServerProcess({
      ...node(program),
      env: { ONLY: 'this' },
      onOutput: (chunk) => {
        printed += chunk;
      },
      isReady: async () => printed.includes('env '),
    });

    expect(server.output()).toContain('env {"ONLY":"this"}');
    await server.stop('SIGKILL');
  });

  test('is gone when stop resolves, even if it does not care for SIGTERM', async () => {
    const program = `process.on('SIGTERM', () => {}); console.log('up'); ${runsForever}`;
    let printed = '';
    const server = await startServerProcess({
      ...node(program),
      onOutput: (chunk) => {
        printed += chunk;
      },
      isReady: async () => printed.includes('up'),
      stopWithinMs: 50,
    });

    await server.stop();

    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });
});
