/** Who leaves a balancer on an engine answers what it was asked before its container goes. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { startTroubleStage, type TroubleStage, type Wish } from './docker-trouble-stage.ts';

describe.skipIf(!dockerdPath())('a node that leaves', () => {
  let stage: TroubleStage;

  beforeAll(async () => {
    stage = await startTroubleStage();
  });
  afterAll(() => stage?.close());

  test('answers what is under way, gets nothing new, and only then its container goes, whoever restarts', async () => {
    const port = await freePort();
    const slow = '#!/bin/sh\nsleep 25\nprintf "Content-Type: text/plain\\r\\n\\r\\n%s\\n" "$$(hostname)"\n';
    const wish = (replicas: number): Wish => ({
      client: {
        command: ['sh', '-c', 'cp /etc/slow /www/cgi-bin/slow; chmod 755 /www/cgi-bin/slow; exec serve'],
        files: [{ path: '/etc/slow', content: slow }],
      },
      replicas,
      more: {
        balancer: {
          type: 'Application',
          internal: true,
          drainSeconds: 40,
          ports: [{ port, targetPort: 'http' }],
        },
      },
    });
    await stage.make('drained', wish(2));
    await stage.ready('drained');
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}/cgi-bin/${path}`);
      return answer.ok ? (await answer.text()).trim() : answer.status;
    };
    const underWay = [1, 2, 3, 4].map(() => ask('slow'));
    await delay(1_000);
    await stage.make('drained', wish(1));
    await eventually(
      () => stage.nodesOf('drained'),
      (nodes) => nodes.some(({ status }) => status.phase === 'Draining'),
      { what: 'a Node that drains' },
    );
    const left = (await stage.nodesOf('drained')).find(({ status }) => status.phase === 'Draining');
    // It drains as soon as its Node does; the balancer is told right after.
    await eventually(
      async () => [await ask('name'), await ask('name'), await ask('name')],
      (names) => !names.includes(left?.metadata.name ?? ''),
      { withinMs: 5_000, what: 'nothing new for the one that leaves' },
    );
    // Who comes next has seen nothing of it.
    await stage.restartOperator();
    const answers = new Set(await Promise.all(underWay));
    expect(answers.size).toBe(2);
    expect(answers).toContain(left?.metadata.name);
    await eventually(stage.containers, (all) => all.length === 2, { withinMs: 60_000 });
  }, 240_000);
});
