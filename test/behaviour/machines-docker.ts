/** A Docker engine as a stage for machines. */
import { eventually } from '../support/eventually.ts';
import { type DockerGround, startDockerGround } from './docker-engine.ts';
import type { Abilities, MachinesStage } from './machines-suite.ts';

/** A container's name is its launch, and one that is gone leaves no trace. */
export const DOCKER_CAN: Abilities = {
  repeat: true,
  compare: false,
  remember: false,
  batches: 'one',
  protect: false,
  untag: false,
};

export interface DockerStage extends MachinesStage {
  readonly ground: DockerGround;
}

export async function createDockerStage(): Promise<DockerStage> {
  const ground = await startDockerGround();
  const { hands, image } = ground;
  await hands.createNetwork({ Name: 'chains', Driver: 'bridge' });
  let foreigners = 0;

  const statesNow = async () => (await hands.listContainers({ all: true })).map(({ State }) => State);
  return {
    ground,
    can: DOCKER_CAN,
    spec: {},
    attachment: { zones: [{ zone: 'engine', at: 'chains' }], firewalls: [] },
    image,
    unknownIds: ['0'.repeat(64), '1'.repeat(64), '2'.repeat(64)],
    refusals: [
      {
        what: 'an image that is not there',
        workload: { image: 'nobody/nothing:1', pullPolicy: 'Never' },
        code: 'notFound',
      },
      {
        what: 'a command that is not there',
        workload: { command: ['/no/such/program'] },
        code: 'invalid',
      },
      { what: 'a port nobody knows', spec: { publish: [{ port: 'rpc' }] }, code: 'invalid' },
      { what: 'too little memory', workload: { resources: { memory: '1Ki' } }, code: 'invalid' },
      { what: 'lines of shell', workload: { init: 'true' }, code: 'unsupported' },
      {
        what: 'an unknown network',
        attachment: { zones: [{ zone: 'engine', at: 'nowhere' }] },
        code: 'unavailable',
      },
    ],
    open: ground.open,
    foreign: async (labels) => {
      foreigners += 1;
      const made = await hands.createContainer({
        name: `foreign-${foreigners}`,
        Image: image,
        Labels: { ...labels },
        HostConfig: { NetworkMode: 'chains' },
      });
      await made.start();
      return made.id;
    },
    tags: async (id) => {
      const { Config, Mounts } = await hands.getContainer(id).inspect();
      const volumes = Mounts.flatMap(({ Name }) => Name ?? []);
      const labels = await Promise.all(
        volumes.map(async (name) => (await hands.getVolume(name).inspect()).Labels),
      );
      return [Config.Labels, ...labels];
    },
    settle: async () => {
      const passing = ['created', 'restarting', 'removing'];
      await eventually(statesNow, (states) => !states.some((state) => passing.includes(state)));
    },
    stop: ground.stop,
  };
}
