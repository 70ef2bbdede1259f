/** The way out: any member of EC2's RunInstances that the typed fields lack, and the few that would break our promises. */
import { z } from 'zod';

/** Path below `runInstances`, and why it is refused; `allowedIf` where its presence alone is no harm. */
const denied: readonly { readonly path: string; readonly because: string; readonly allowedIf?: string }[] = [
  { path: '.MinCount', because: 'the operator counts machines' },
  { path: '.MaxCount', because: 'the operator counts machines' },
  { path: '.ClientToken', because: 'it is what keeps a Node at one machine' },
  { path: '.DryRun', because: 'use mode: Plan of the Network' },
  { path: '.UserData', because: 'it is made from client and init' },
  { path: '.SubnetId', because: 'use network.subnetIds' },
  { path: '.Placement.AvailabilityZone', because: 'use zones' },
  { path: '.Placement.AvailabilityZoneId', because: 'use zones' },
  { path: '.PrivateIpAddress', because: 'machines are launched in batches' },
  { path: '.LaunchTemplate', because: 'it would hide what a revision is made of' },
  { path: '.NetworkInterfaces', because: 'use network.subnetIds, securityGroupIds and publicIp' },
  {
    path: '.InstanceMarketOptions.SpotOptions.SpotInstanceType',
    because: 'a persistent request would launch machines behind our back',
    allowedIf: "!= 'persistent'",
  },
  { path: '.DisableApiTermination', because: 'the operator could not remove the machine' },
];

const refused = 'Refused; see the rules.';
const partlyRefused = 'Open, but for what is listed below it.';

export const runInstances = z
  .looseObject({
    MinCount: z.int().describe(refused).exactOptional(),
    MaxCount: z.int().describe(refused).exactOptional(),
    ClientToken: z.string().describe(refused).exactOptional(),
    DryRun: z.boolean().describe(refused).exactOptional(),
    UserData: z.string().describe(refused).exactOptional(),
    SubnetId: z.string().describe(refused).exactOptional(),
    Placement: z
      .looseObject({
        AvailabilityZone: z.string().describe(refused).exactOptional(),
        AvailabilityZoneId: z.string().describe(refused).exactOptional(),
      })
      .describe(partlyRefused)
      .exactOptional(),
    PrivateIpAddress: z.string().describe(refused).exactOptional(),
    LaunchTemplate: z.looseObject({}).describe(refused).exactOptional(),
    NetworkInterfaces: z.array(z.looseObject({})).describe(refused).exactOptional(),
    InstanceMarketOptions: z
      .looseObject({
        SpotOptions: z
          .looseObject({
            SpotInstanceType: z.string().max(16).describe('`persistent` is refused.').exactOptional(),
          })
          .describe(partlyRefused)
          .exactOptional(),
      })
      .describe(partlyRefused)
      .exactOptional(),
    DisableApiTermination: z.boolean().describe(refused).exactOptional(),
  })
  .meta({
    description:
      "Further members of EC2's RunInstances, in its own words: `{CpuOptions: {CoreCount: 2}}`. They go below the typed fields, which win; SecurityGroupIds and TagSpecifications are added to the operator's own. What EC2 does not know is refused by the operator, and what is listed here at once.",
    'x-kubernetes-validations': denied.map(({ path, because, allowedIf }) => ({
      rule: `${absent(path)}${allowedIf === undefined ? '' : ` || self${path} ${allowedIf}`}`,
      fieldPath: path,
      reason: 'FieldValueForbidden',
      message: `${path.slice(1)}${allowedIf === undefined ? '' : ': persistent'} is not allowed here: ${because}`,
    })),
  });

/** CEL that is true when some step of the path is absent: `!has(self.a) || !has(self.a.b)`. */
function absent(path: string): string {
  const steps = path.slice(1).split('.');
  return steps.map((_, index) => `!has(self.${steps.slice(0, index + 1).join('.')})`).join(' || ');
}
