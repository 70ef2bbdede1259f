import { describe } from 'vitest';
import { dockerdPath } from '../support/engine.ts';
import { createDockerStage, DOCKER_CAN } from './machines-docker.ts';
import { describeMachines } from './machines-suite.ts';

describe.skipIf(!dockerdPath())('machines on a Docker engine', () => {
  describeMachines(createDockerStage, DOCKER_CAN);
});
