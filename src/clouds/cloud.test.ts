import { expect, test } from 'vitest';
import { CloudError } from './cloud.ts';

const facts = {
  api: 'DescribeVpcs',
  code: 'invalid',
  outcome: 'none',
  reason: 'VpcNotFound',
  message: 'no VPC of us-east-1 has the tags a=b',
} as const;

test('what a cloud refuses is told with the call', () => {
  expect(new CloudError(facts).message).toBe(
    'DescribeVpcs refused: VpcNotFound: no VPC of us-east-1 has the tags a=b',
  );
});

test('what we find in an answer was refused by nobody', () => {
  const found = new CloudError({ ...facts, finding: true });
  expect(found.message).toBe('VpcNotFound: no VPC of us-east-1 has the tags a=b');
  expect(found.words).toBe(facts.message);
});
