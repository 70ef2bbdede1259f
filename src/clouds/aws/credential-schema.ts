/** What users write below `aws` in a CloudCredential. */
import { z } from 'zod';

export const awsCredential = z
  .object({
    source: z
      .enum(['Secret', 'Ambient'])
      .describe(
        "Where the first keys come from. `Secret`: the keys `aws_access_key_id`, `aws_secret_access_key` and, optionally, `aws_session_token` of `secretRef`. `Ambient`: the AWS SDK's own chain in the operator's pod: IRSA, pod identity, instance role, environment, profile.",
      ),
    secretRef: z
      .object({ name: z.string().min(1).max(253).describe('Name of the Secret, in the same namespace.') })
      .exactOptional()
      .describe('The Secret with the keys. Required with `source: Secret`, refused otherwise.'),
    assumeRole: z
      .array(
        z.object({
          roleArn: z
            .string()
            .regex(/^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[A-Za-z0-9_+=,.@/-]+$/)
            .max(2048)
            .describe('ARN of the role to assume.'),
          externalId: z
            .string()
            .regex(/^[A-Za-z0-9_+=,.@:/-]+$/)
            .min(2)
            .max(1224)
            .exactOptional()
            .describe("External id that the role's trust policy asks for."),
          sessionName: z
            .string()
            .regex(/^[A-Za-z0-9_+=,.@-]+$/)
            .min(2)
            .max(64)
            .exactOptional()
            .describe("Name of the session, as the account's trail shows it."),
          durationSeconds: z
            .int()
            .min(900)
            .max(43_200)
            .exactOptional()
            .describe('How long one session lasts. AWS allows at most 3600 when one role assumes the next.'),
        }),
      )
      .min(1)
      .max(5)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .exactOptional()
      .describe('Roles to assume, each on behalf of the one before it.'),
    defaultRegion: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]+$/)
      .max(32)
      .exactOptional()
      .describe('Region to ask who we are and to assume roles in. Absent: `us-east-1`.'),
  })
  .meta({
    description: 'An identity on AWS.',
    'x-kubernetes-validations': [
      {
        rule: "self.source != 'Secret' || has(self.secretRef)",
        fieldPath: '.secretRef',
        reason: 'FieldValueRequired',
        message: 'secretRef is required with source: Secret',
      },
      {
        rule: "self.source == 'Secret' || !has(self.secretRef)",
        fieldPath: '.secretRef',
        reason: 'FieldValueForbidden',
        message: 'secretRef is used with source: Secret only',
      },
    ],
  });

export type AwsCredential = z.output<typeof awsCredential>;
