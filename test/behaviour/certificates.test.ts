/** A Network in two regions, each of which shows clients a certificate of its own. */
import { DescribeListenersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { networkSpec } from '../../src/api/network.ts';
import { fabricWish } from '../../src/planning/fabric-wish.ts';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import { startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { startMoto } from '../support/moto.ts';
import { refereePath } from '../support/referees.ts';
import { createStage, OWNER } from './fabric-stage.ts';

const regions = ['eu-west-1', 'us-west-2'] as const;
type Region = (typeof regions)[number];

const https: Secure = { type: 'Application', protocol: 'HTTPS' };
const tls: Secure = { type: 'Network', protocol: 'TLS' };

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('on the sandbox', () => {
  showsOwnCertificates([https, tls], async () => {
    const known = (region: Region, name: string) => `arn:aws:acm:${region}:123456789012:certificate/${name}`;
    const certificates = regions.flatMap((region) => ['first', 'second'].map((name) => known(region, name)));
    const sandbox = await startAwsSandbox({ throttle: 'off', certificates });
    onTestFinished(() => sandbox.stop());
    return { url: sandbox.url, certificateIn: async (region, name) => known(region, name) };
  });
});

describe.skipIf(!refereePath('moto'))('on moto', () => {
  // moto makes listeners for TLS and cannot change them.
  showsOwnCertificates([https], async () => {
    const moto = await startMoto();
    onTestFinished(() => moto.assertNoUnimplemented().finally(moto.stop));
    return { url: moto.url, certificateIn: (region, name) => requestCertificate(moto.url, region, name) };
  });
});

interface Secure {
  readonly type: 'Application' | 'Network';
  readonly protocol: 'HTTPS' | 'TLS';
}

function showsOwnCertificates(
  cases: readonly Secure[],
  start: () => Promise<{
    readonly url: string;
    readonly certificateIn: (region: Region, name: string) => Promise<string>;
  }>,
): void {
  test.each(cases)(
    '$protocol shows in each region the certificate of its placement, and a change of it',
    async (ports) => {
      const { url, certificateIn } = await start();
      vi.stubEnv('AWS_ENDPOINT_URL', url);
      const stages = await Promise.all(
        regions.map(async (region) => ({ region, stage: await createStage(url, createFakeClock(), region) })),
      );
      onTestFinished(() => {
        for (const { stage } of stages) stage.close();
      });

      for (const name of ['first', 'second']) {
        const [ireland = '', oregon = ''] = await Promise.all(
          regions.map((region) => certificateIn(region, name)),
        );
        const wishes = wishesFor(ports, { 'eu-west-1': ireland, 'us-west-2': oregon });
        for (const { region, stage } of stages) {
          const run = await stage.carryOut(wishes[region]);
          if (name === 'second')
            expect(run).toEqual([
              `update listener ${ports.protocol} 443: its certificate is not the wished one`,
            ]);
          expect(await stage.left(wishes[region])).toEqual([]);
          const { balancer } = await stage.observe(wishes[region]);
          const { Listeners = [] } = await stage.elb.send(
            new DescribeListenersCommand({ LoadBalancerArn: balancer?.id }),
          );
          expect(Listeners.map(({ Certificates }) => Certificates?.[0]?.CertificateArn)).toEqual([
            region === 'eu-west-1' ? ireland : oregon,
          ]);
        }
      }
    },
  );
}

/** What a Network wishes around each of its two placements: one has its certificate by port, the other from the balancer. */
function wishesFor({ type, protocol }: Secure, certificates: Readonly<Record<Region, string>>) {
  const spec = networkSpec.parse({
    client: { image: 'example.org/chain:1', ports: [{ name: 'rpc', port: 8545 }] },
    placements: regions.map((region) => ({
      name: region,
      credentialRef: { name: 'aws' },
      aws: {
        region,
        instanceType: 't3.small',
        ...(region === 'us-west-2' && {
          certificates: [{ port: 443, certificateArn: certificates[region] }],
        }),
      },
    })),
    balancer: {
      type,
      ports: [{ port: 443, targetPort: 'rpc', protocol, certificateArn: certificates['eu-west-1'] }],
    },
  });
  const wishIn = (region: Region) => {
    const placement = spec.placements.find(({ name }) => name === region);
    const scope = { owner: { ...OWNER, placement: region }, spec: placement?.aws };
    return fabricWish({ scope, spec, members: [], balanced: true });
  };
  return { 'eu-west-1': wishIn('eu-west-1'), 'us-west-2': wishIn('us-west-2') };
}

/** ACM's client is none of ours, so the call is made by hand. https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html */
async function requestCertificate(url: string, region: Region, name: string): Promise<string> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'CertificateManager.RequestCertificate',
      authorization: `AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/${region}/acm/aws4_request, SignedHeaders=host, Signature=any`,
    },
    body: JSON.stringify({ DomainName: `${name}.example.org` }),
  });
  const text = await answer.text();
  const arn = /arn:aws:acm:[^"]+/.exec(text)?.[0];
  if (arn === undefined) throw new Error(`no certificate: ${text}`);
  return arn;
}
