/** The reads of the fabric, each to the last page. */

import type { TagDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import { TAGS } from '../../cloud.ts';
import { allPages, chunksOf } from '../paging.ts';
import type { Sdk } from '../sdk.ts';
import { filterValue } from '../tags.ts';
import type { Balancer, Group, Listener, Pool, Tagged, Target } from './found.ts';
import type { Asker } from './part.ts';
import { isCode } from './refusals.ts';
import { balancerRow, groupRow, listenerRow, poolRow, taggedRow, targetRow } from './rows.ts';

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html */
export const ARNS_PER_CALL = 20;
/** The largest page that ELBv2 gives. */
const PAGE_SIZE = 400;

export type Rows<Row> = readonly (readonly [string, Row])[];

export async function readGroups(sdk: Sdk, cluster: string, asker: Asker): Promise<Rows<Group>> {
  const rows = await allPages(async (NextToken) => {
    const page = await sdk.describeSecurityGroups(
      {
        Filters: [{ Name: `tag:${TAGS.cluster}`, Values: [filterValue(cluster)] }],
        MaxResults: 1000,
        ...(NextToken === undefined ? {} : { NextToken }),
      },
      asker,
    );
    return { items: page.SecurityGroups, next: page.NextToken };
  });
  return rows.map((group) => groupRow(group, cluster)).map((row) => [row.id, row]);
}

export async function readBalancers(sdk: Sdk, asker: Asker): Promise<Rows<Balancer>> {
  const rows = await allPages(async (Marker) => {
    const page = await sdk.describeLoadBalancers(
      { PageSize: PAGE_SIZE, ...(Marker === undefined ? {} : { Marker }) },
      asker,
    );
    return { items: page.LoadBalancers, next: page.NextMarker };
  });
  return rows.map(balancerRow).map((row) => [row.arn, row]);
}

export async function readPools(sdk: Sdk, asker: Asker): Promise<Rows<Pool>> {
  const rows = await allPages(async (Marker) => {
    const page = await sdk.describeTargetGroups(
      { PageSize: PAGE_SIZE, ...(Marker === undefined ? {} : { Marker }) },
      asker,
    );
    return { items: page.TargetGroups, next: page.NextMarker };
  });
  return rows.map(poolRow).map((row) => [row.arn, row]);
}

export async function readListeners(sdk: Sdk, balancerArn: string, asker: Asker): Promise<Rows<Listener>> {
  const rows = await allPages(async (Marker) => {
    const page = await sdk.describeListeners(
      { LoadBalancerArn: balancerArn, PageSize: PAGE_SIZE, ...(Marker === undefined ? {} : { Marker }) },
      asker,
    );
    return { items: page.Listeners, next: page.NextMarker };
  });
  return rows.map(listenerRow).map((row) => [row.arn, row]);
}

/** Not paged: one answer names every target. */
export async function readTargets(sdk: Sdk, poolArn: string, asker: Asker): Promise<Rows<Target>> {
  const answer = await sdk.describeTargetHealth({ TargetGroupArn: poolArn }, asker);
  return (answer.TargetHealthDescriptions ?? []).map(targetRow).map((row) => [targetId(row), row]);
}

export const targetId = (target: { readonly id: string; readonly port: number }): string =>
  `${target.id}:${target.port}`;

export async function readBalancerAttributes(sdk: Sdk, arn: string, asker: Asker): Promise<Rows<string>> {
  const { Attributes = [] } = await sdk.describeLoadBalancerAttributes({ LoadBalancerArn: arn }, asker);
  return Attributes.map(({ Key = '', Value = '' }) => [Key, Value]);
}

export async function readPoolAttributes(sdk: Sdk, arn: string, asker: Asker): Promise<Rows<string>> {
  const { Attributes = [] } = await sdk.describeTargetGroupAttributes({ TargetGroupArn: arn }, asker);
  return Attributes.map(({ Key = '', Value = '' }) => [Key, Value]);
}

/** What the tags of each say. What AWS does not know (any more, or yet) is absent. */
export async function readTagged(
  sdk: Sdk,
  cluster: string,
  arns: readonly string[],
  asker: Asker,
): Promise<Rows<Tagged>> {
  const rows: [string, Tagged][] = [];
  for (const some of chunksOf(arns, ARNS_PER_CALL)) {
    for (const { ResourceArn = '', Tags } of await describeTags(sdk, some, asker)) {
      rows.push([ResourceArn, taggedRow(Tags, cluster)]);
    }
  }
  return rows;
}

/** AWS refuses a whole call for one that it does not know. */
async function describeTags(
  sdk: Sdk,
  arns: readonly string[],
  asker: Asker,
): Promise<readonly TagDescription[]> {
  try {
    const { TagDescriptions = [] } = await sdk.describeTags({ ResourceArns: [...arns] }, asker);
    return TagDescriptions;
  } catch (thrown) {
    if (!isCode(thrown, 'notFound')) throw thrown;
    if (arns.length === 1) return [];
    const single = await Promise.all(arns.map((arn) => describeTags(sdk, [arn], asker)));
    return single.flat();
  }
}
