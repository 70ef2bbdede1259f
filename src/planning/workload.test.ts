import { describe, expect, test } from 'vitest';
import { client as clientSchema } from '../api/client.ts';
import { ROW } from '../clouds/cloud.ts';
import { Secret } from '../runtime/secret.ts';
import type { PeerLists } from './peering.ts';
import { buildWorkload, loginsOf, secretsOf, unknownVariables } from './workload.ts';

const peers: PeerLists = { bootnodes: ['a:1', 'b:1'], peers: ['a:1', 'b:1', 'c:1'] };
const fromSecret = (key: string) => ({ secretKeyRef: { name: 'keys', key } });

function clientOf(more: object) {
  return clientSchema.parse({ image: 'example.org/chain:1', ...more });
}

function build(more: object, told: PeerLists | undefined = peers) {
  return buildWorkload({
    client: clientOf(more),
    ...(told && { peers: told }),
    secret: ({ name, key }) => new Secret(key === 'template' ? '$(NODE_NAME)' : `<${name}/${key}>`),
    hide: (text) => new Secret(text),
  });
}

describe('variables', () => {
  test('of the node and of its peers stand in command, args, env and files', () => {
    const text = '$(NODE_NAME)/$(NODE_INDEX)/$(BOOTNODES)/$(PEERS)';
    const expanded = `${ROW.name}/${ROW.index}/a:1,b:1/a:1,b:1,c:1`;
    const workload = build({
      command: ['run', text],
      args: [text],
      env: [{ name: 'A', value: text }],
      files: [{ path: '/a', content: text }],
    });
    expect(workload).toMatchObject({
      command: ['run', expanded],
      args: [expanded],
      env: [{ name: 'A', value: expanded }],
      files: [{ path: '/a', content: expanded }],
    });
  });

  test('of peers are empty where there are none yet, and unknown where nobody said how they find each other', () => {
    expect(build({ args: ['<$(BOOTNODES)$(PEERS)>'] }, { bootnodes: [], peers: [] }).args).toEqual(['<>']);
    const client = clientOf({ args: ['$(PEERS)'] });
    const workload = buildWorkload({
      client,
      secret: () => new Secret(''),
      hide: (text) => new Secret(text),
    });
    expect(workload.args).toEqual(['$(PEERS)']);
  });

  test('of env can be used by those after them, by files, command and args', () => {
    const workload = build({
      env: [
        { name: 'EARLY', value: '$(LATE)' },
        { name: 'LATE', value: 'x' },
        { name: 'BOTH', value: '$(EARLY)-$(LATE)' },
      ],
      files: [{ path: '/a', content: '$(BOTH)' }],
      command: ['$(BOTH)'],
      args: ['$$(BOTH)'],
    });
    expect(workload.env.at(-1)?.value).toBe('$(LATE)-x');
    expect(workload.files[0]?.content).toBe('$(LATE)-x');
    expect(workload.command).toEqual(['$(LATE)-x']);
    expect(workload.args).toEqual(['$(BOTH)']);
  });

  test('of the user come before ours', () => {
    expect(build({ env: [{ name: 'PEERS', value: 'mine' }], args: ['$(PEERS)'] }).args).toEqual(['mine']);
  });
});

describe('the value of a Secret', () => {
  const env = [{ name: 'PASSWORD', valueFrom: fromSecret('password') }];

  test('stands in its variable as it is, hidden', () => {
    const workload = build({ env });
    expect(workload.env).toEqual([]);
    expect(workload.secrets.map(({ value }) => value.reveal())).toEqual(['<keys/password>']);
  });

  test('makes a secret of every variable and file that it is put into', () => {
    const workload = build({
      env: [...env, { name: 'URL', value: 'u:$(PASSWORD)@$(NODE_NAME)' }, { name: 'COPY', value: '$(URL)' }],
      files: [{ path: '/a', content: 'password=$(PASSWORD)' }],
    });
    expect(workload.env).toEqual([]);
    expect(workload.files).toEqual([]);
    expect(workload.secrets.map(({ name, value }) => [name, value.reveal()])).toEqual([
      ['PASSWORD', '<keys/password>'],
      ['URL', `u:<keys/password>@${ROW.name}`],
      ['COPY', `u:<keys/password>@${ROW.name}`],
    ]);
    expect(workload.secretFiles.map(({ content }) => content.reveal())).toEqual(['password=<keys/password>']);
  });

  test('is not put where everybody reads it: command and args keep the reference', () => {
    const workload = build({ env, command: ['run', '$(PASSWORD)'], args: ['--p=$(PASSWORD)'] });
    expect(workload.command).toEqual(['run', '$(PASSWORD)']);
    expect(workload.args).toEqual(['--p=$(PASSWORD)']);
  });

  test('is the text of a file as it is', () => {
    const workload = build({ files: [{ path: '/key', valueFrom: fromSecret('template') }] });
    expect(workload.secretFiles.map(({ path, content }) => [path, content.reveal()])).toEqual([
      ['/key', '$(NODE_NAME)'],
    ]);
  });

  test('has the logins of registries', () => {
    expect(build({ imagePullSecret: { name: 'logins' } }).registryLogins?.reveal()).toBe(
      '<logins/.dockerconfigjson>',
    );
    expect(build({})).not.toHaveProperty('registryLogins');
  });

  test('shows nowhere when the workload is printed', () => {
    const workload = build({
      env,
      files: [{ path: '/a', content: '$(PASSWORD)' }],
      imagePullSecret: { name: 'l' },
    });
    expect(JSON.stringify(workload)).not.toContain('<');
  });
});

test.for([
  [{ tcp: { port: 'rpc' } }, { protocol: 'TCP', port: 8545, intervalSeconds: 10 }],
  [
    { http: { port: 'rpc' }, intervalSeconds: 30 },
    { protocol: 'HTTP', port: 8545, path: '/', status: 200, intervalSeconds: 30 },
  ],
  [
    { jsonRpc: { port: 'rpc', method: 'eth_syncing', result: false } },
    {
      protocol: 'TCP',
      port: 8545,
      call: { path: '/', method: 'eth_syncing', result: false },
      intervalSeconds: 10,
    },
  ],
  [undefined, undefined],
])('client.health is told by the number of its port: %j', ([health, expected]) => {
  const ports = [{ name: 'rpc', port: 8545 }];
  expect(build({ ports, ...(health && { health }) }).health).toEqual(expected);
});

test('what a client needs of Secrets is known beforehand, with the field that asks for it', () => {
  const client = clientOf({
    env: [
      { name: 'A', valueFrom: fromSecret('a') },
      { name: 'B', value: 'b' },
    ],
    files: [
      { path: '/c', valueFrom: fromSecret('c') },
      { path: '/d', content: 'd' },
    ],
    imagePullSecret: { name: 'logins' },
  });
  expect(secretsOf(client)).toEqual([
    { field: 'client.env A', name: 'keys', key: 'a' },
    { field: 'client.files /c', name: 'keys', key: 'c' },
  ]);
  expect(loginsOf(client)).toEqual({
    field: 'client.imagePullSecret',
    name: 'logins',
    key: '.dockerconfigjson',
  });
  expect([secretsOf(clientOf({})), loginsOf(clientOf({}))]).toEqual([[], undefined]);
});

describe('what stays as it is is told', () => {
  const told = (more: object, hasPeering = true) =>
    unknownVariables(clientOf(more), { hasPeering }).map(({ field, name, isSecret }) =>
      [field, name, ...(isSecret ? ['secret'] : [])].join(' '),
    );

  test.for([
    ['a typing error', { command: ['$(NODENAME)'] }, ['client.command NODENAME']],
    ['once for a field', { args: ['$(A)', '$(A)$(B)'] }, ['client.args A', 'client.args B']],
    ['a file by its path', { files: [{ path: '/etc/a', content: '$(A)' }] }, ['client.files /etc/a A']],
    [
      'a variable used before it is set',
      {
        env: [
          { name: 'A', value: '$(B)' },
          { name: 'B', value: '' },
        ],
      },
      ['client.env A B'],
    ],
    [
      'a Secret in a command line',
      {
        env: [
          { name: 'A', valueFrom: fromSecret('a') },
          { name: 'B', value: '$(A)' },
        ],
        args: ['$(A)', '$(B)'],
      },
      ['client.args A secret', 'client.args B secret'],
    ],
    ['nothing that has a value', { args: ['$(NODE_NAME)$(NODE_INDEX)$(PEERS)$(BOOTNODES)'] }, []],
    ['nothing that is escaped', { args: ['$$(A)', '$A', '$(A'] }, []],
  ] as const)('%s', ([, more, expected]) => {
    expect(told(more)).toEqual(expected);
  });

  test('peers where nobody said how they find each other', () => {
    expect(told({ args: ['$(PEERS)', '$(NODE_NAME)'] }, false)).toEqual(['client.args PEERS']);
  });
});
