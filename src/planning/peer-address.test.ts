import { describe, expect, test } from 'vitest';
import { type PeerAddressInput, peerAddressOf } from './peer-address.ts';

const ports = [
  { name: 'rpc', port: 8545, protocol: 'TCP' },
  { name: 'p2p', port: 30303, protocol: 'TCP' },
  { name: 'disc', port: 30303, protocol: 'UDP' },
] as const;

type Machine = PeerAddressInput['machine'];

/** As on a cloud: the same ports at two addresses. */
const cloud: Machine = { state: 'running', privateAddress: '10.0.0.7', publicAddress: '203.0.113.7' };
/** As on an engine: one address inside, and some ports at others of the host. */
const container: Machine = {
  state: 'running',
  privateAddress: '172.18.0.2',
  published: [
    { port: 8545, protocol: 'TCP', address: '127.0.0.1', hostPort: 49001 },
    { port: 30303, protocol: 'TCP', address: '192.0.2.1', hostPort: 49002 },
    { port: 30303, protocol: 'UDP', address: '192.0.2.1', hostPort: 49003 },
  ],
};

function seen(template: string, machine: Machine) {
  return peerAddressOf({ address: { template }, ports, node: 'net-a-abcde', machine });
}

function asked(result: string, machine: Machine, template?: string) {
  const jsonRpc = { port: 'rpc', path: '/', method: 'm', resultPath: '' };
  const address = { jsonRpc, ...(template !== undefined && { template }) };
  return peerAddressOf({ address, ports, node: 'net-a-abcde', machine, result });
}

describe('a template', () => {
  test.for([
    ['$(ADDRESS):$(PORT_p2p)', cloud, '10.0.0.7:30303', '203.0.113.7:30303'],
    ['$(PRIVATE_ADDRESS):$(PORT_p2p)', cloud, '10.0.0.7:30303', '10.0.0.7:30303'],
    ['$(PUBLIC_ADDRESS):$(PORT_p2p)', cloud, '203.0.113.7:30303', '203.0.113.7:30303'],
    ['$(NODE_NAME).example.org', cloud, 'net-a-abcde.example.org', 'net-a-abcde.example.org'],
    ['$$(ADDRESS)$(NODE_NAME)', cloud, '$(ADDRESS)net-a-abcde', '$(ADDRESS)net-a-abcde'],
    ['$(ADDRESS):$(PORT_p2p)', container, '172.18.0.2:30303', '192.0.2.1:49002'],
    ['$(ADDRESS):$(PORT_disc)', container, '172.18.0.2:30303', '192.0.2.1:49003'],
    ['http://$(ADDRESS):$(PORT_rpc)/', container, 'http://172.18.0.2:8545/', 'http://127.0.0.1:49001/'],
    // The port goes with the address that is written down.
    ['$(PRIVATE_ADDRESS):$(PORT_p2p)', container, '172.18.0.2:30303', '172.18.0.2:30303'],
    ['$(PUBLIC_ADDRESS):$(PORT_p2p)', container, '192.0.2.1:49002', '192.0.2.1:49002'],
  ] as const)('%s', ([template, machine, inside, outside]) => {
    expect(seen(template, machine)).toEqual({ inside, outside, unknown: [] });
  });

  test('has another address of the machine where it lacks the one that fits', () => {
    expect(seen('$(ADDRESS)', { state: 'running', privateAddress: '10.0.0.7' }).outside).toBe('10.0.0.7');
    expect(seen('$(ADDRESS)', { state: 'running', publicAddress: '203.0.113.7' }).inside).toBe('203.0.113.7');
  });

  test('puts an address of IPv6 into brackets', () => {
    const machine: Machine = { state: 'running', privateAddress: '2001:db8::7' };
    expect(seen('$(ADDRESS):$(PORT_p2p)', machine).inside).toBe('[2001:db8::7]:30303');
  });

  test.for([
    ['$(PUBLIC_ADDRESS):1', ['PUBLIC_ADDRESS']],
    ['$(ADDRESS):$(PORT_nope)', ['PORT_nope']],
    ['$(RESULT)', ['RESULT']],
  ] as const)('with a hole in it gives no address: %s', ([template, unknown]) => {
    expect(seen(template, { state: 'running', privateAddress: '10.0.0.7' })).toEqual({ unknown });
  });

  test('gives nothing before the machine runs: its addresses are not all there yet', () => {
    expect(seen('$(ADDRESS)', { ...cloud, state: 'pending' })).toEqual({ unknown: [] });
  });

  test('of nothing but space gives none', () => {
    expect(seen(' ', cloud)).toEqual({ unknown: [] });
  });
});

describe('what a node tells of itself', () => {
  test.for([
    ['enode://id@127.0.0.1:30303', 'enode://id@10.0.0.7:30303', 'enode://id@203.0.113.7:30303'],
    [
      'enode://id@[::]:30303?discport=30301',
      'enode://id@10.0.0.7:30303?discport=30301',
      'enode://id@203.0.113.7:30303?discport=30301',
    ],
    ['id@0.0.0.0:26656', 'id@10.0.0.7:26656', 'id@203.0.113.7:26656'],
    ['tcp://0.0.0.0:26656', 'tcp://10.0.0.7:26656', 'tcp://203.0.113.7:26656'],
    ['localhost:18555', '10.0.0.7:18555', '203.0.113.7:18555'],
    ['127.0.0.1', '10.0.0.7', '203.0.113.7'],
    ['http://u:p@localhost/path?q', 'http://u:p@10.0.0.7/path?q', 'http://u:p@203.0.113.7/path?q'],
    [
      '/ip4/127.0.0.1/tcp/30333/p2p/id',
      '/ip4/10.0.0.7/tcp/30333/p2p/id',
      '/ip4/203.0.113.7/tcp/30333/p2p/id',
    ],
    ['/dns4/localhost/udp/9000/quic', '/ip4/10.0.0.7/udp/9000/quic', '/ip4/203.0.113.7/udp/9000/quic'],
    // No host that could be replaced.
    ['enr:-Iu4QG', 'enr:-Iu4QG', 'enr:-Iu4QG'],
    ['16Uiu2HAm', '16Uiu2HAm', '16Uiu2HAm'],
  ] as const)('%s is reached by an address of its machine', ([told, inside, outside]) => {
    expect(asked(told, cloud)).toEqual({ inside, outside, unknown: [] });
  });

  test.for([
    ['enode://id@127.0.0.1:30303', 'enode://id@192.0.2.1:49002?discport=49003'],
    ['enode://id@127.0.0.1:30303?discport=0', 'enode://id@192.0.2.1:49002?discport=0'],
    ['enode://id@127.0.0.1:30303?discport=30303', 'enode://id@192.0.2.1:49002?discport=49003'],
    ['id@127.0.0.1:30303', 'id@192.0.2.1:49002'],
    ['/ip4/0.0.0.0/tcp/30303/p2p/id', '/ip4/192.0.2.1/tcp/49002/p2p/id'],
    ['/ip4/0.0.0.0/udp/30303/quic', '/ip4/192.0.2.1/udp/49003/quic'],
    ['http://127.0.0.1:8545', 'http://127.0.0.1:49001'],
  ] as const)('%s is reached from elsewhere where the port is published', ([told, outside]) => {
    expect(asked(told, container).outside).toBe(outside);
  });

  test('is put into a template as it is', () => {
    expect(asked('abc123', cloud, '$(RESULT)@$(ADDRESS):$(PORT_p2p)')).toEqual({
      inside: 'abc123@10.0.0.7:30303',
      outside: 'abc123@203.0.113.7:30303',
      unknown: [],
    });
  });

  test('of IPv6 keeps its brackets, or loses them in a multiaddress', () => {
    const machine: Machine = { state: 'running', privateAddress: '2001:db8::7' };
    expect(asked('id@127.0.0.1:1', machine).inside).toBe('id@[2001:db8::7]:1');
    expect(asked('/ip4/127.0.0.1/tcp/1', machine).inside).toBe('/ip6/2001:db8::7/tcp/1');
  });

  test('gives no address as long as it has not answered', () => {
    expect(asked('', cloud)).toEqual({ unknown: [] });
  });

  test('gives no address where its machine has none', () => {
    expect(asked('id@127.0.0.1:1', { state: 'running' })).toEqual({ unknown: ['ADDRESS'] });
  });
});
