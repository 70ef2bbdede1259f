/** Opens one engine. */
import { type CloudSession, type OpenOptions, TAGS } from '../cloud.ts';
import { addressOf, connectionOf } from './credentials.ts';
import { createSnapshot } from './fabric/snapshot.ts';
import { createFabric } from './fabric.ts';
import { createImages } from './images.ts';
import { createMachines } from './machines.ts';
import { parse } from './parse.ts';
import { dockerCredential } from './schema.ts';
import { createSdk } from './sdk.ts';
import { labelFilter } from './tags.ts';

/** Events after which a machine looks different. */
const EVENTS = ['create', 'start', 'restart', 'die', 'oom', 'pause', 'unpause', 'destroy', 'rename'];

export async function open(options: OpenOptions): Promise<CloudSession> {
  const { region, cluster, gate, now } = options;
  const credential = parse(dockerCredential, options.credential, 'docker');
  const closed = new AbortController();
  const sdk = await createSdk({
    connection: connectionOf(credential, options.secret),
    gate,
    closed: closed.signal,
  });
  const images = createImages({ sdk, closed: closed.signal });
  const surroundings = { address: addressOf(credential) };
  const snapshot = createSnapshot({ sdk, cluster, now, closed: closed.signal });
  const shared = { sdk, images, snapshot, cluster, surroundings, now };
  return {
    region,
    machines: createMachines(shared),
    fabric: createFabric(shared),
    watch: (onChange, signal) => {
      const filters = { type: ['container'], event: EVENTS, ...labelFilter(cluster, TAGS.launch) };
      return sdk.watch(filters, onChange, { signal });
    },
    logs: (id, asked, signal) => sdk.logs(id, asked, { signal }),
    verify: async (signal) => {
      const { id, name, version, apiVersion } = await sdk.engineNow({ signal });
      return { account: id, principal: `${name}: Docker ${version}, API ${apiVersion}` };
    },
    close: () => {
      closed.abort(new Error('the session was closed'));
      sdk.close();
    },
  };
}
