import type { Call, Handlers } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import { readFilters } from '../filters.ts';
import { pageOf } from '../paging.ts';
import type { Params } from '../query.ts';
import type { Rule, SecurityGroup } from '../records.ts';
import { allowAllOut, type Region } from '../region.ts';
import { checkTagSpecifications, readTagSpecifications, tagSet } from '../tags.ts';
import { items, leaf } from '../xml.ts';
import { groupsInUse } from './interfaces.ts';
import {
  describePermission,
  type Permission,
  permissionsXml,
  readPermissions,
  ruleXml,
  sameRule,
} from './permissions.ts';

export const securityGroupHandlers: Handlers = {
  CreateSecurityGroup: createSecurityGroup,
  DeleteSecurityGroup: deleteSecurityGroup,
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSecurityGroupRules: describeSecurityGroupRules,
  AuthorizeSecurityGroupIngress: (call) => authorize(call, false),
  AuthorizeSecurityGroupEgress: (call) => authorize(call, true),
  RevokeSecurityGroupIngress: (call) => revoke(call, false),
  RevokeSecurityGroupEgress: (call) => revoke(call, true),
};

function createSecurityGroup(call: Call): string {
  const { params, region } = call;
  checkTagSpecifications(params, ['security-group']);
  const name = params.text('GroupName');
  const description = params.text('GroupDescription');
  if (name === undefined) throw missing('GroupName');
  if (description === undefined) throw missing('GroupDescription');
  if (name.startsWith('sg-') || name.length > 255) {
    throw refuse('InvalidParameterValue', `Invalid value '${name}' for groupName.`);
  }
  if (description.length > 255 || !/^[\w .:/()#,@[\]+=&;{}!$*-]*$/.test(description)) {
    throw refuse('InvalidParameterValue', `Invalid security group description '${description}'.`);
  }
  const vpcId = params.text('VpcId') ?? region.vpcs.all().find((vpc) => vpc.isDefault)?.id;
  if (vpcId === undefined) throw refuse('VPCIdNotSpecified', 'No default VPC for this user');
  if (region.vpcs.get(vpcId) === undefined)
    throw refuse('InvalidVpcID.NotFound', `The vpc ID '${vpcId}' does not exist`);
  if (region.groups.all().some((group) => group.vpcId === vpcId && group.name === name)) {
    throw refuse('InvalidGroup.Duplicate', `The security group '${name}' already exists for VPC '${vpcId}'`);
  }
  const group: SecurityGroup = {
    id: region.ids.next('sg'),
    name,
    description,
    vpcId,
    rules: [allowAllOut(region)],
    tags: readTagSpecifications(params, 'security-group'),
  };
  region.groups.put(group);
  return leaf('groupId', group.id) + tagSet(group.tags) + leaf('securityGroupArn', arnOf(region, group));
}

/** Refused while anything that is not yet gone uses the group, or a rule of another group names it. */
function deleteSecurityGroup(call: Call): string {
  const { params, region, now } = call;
  const group = findGroup(region, params);
  if (group.name === 'default') {
    throw refuse(
      'CannotDelete',
      `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
    );
  }
  const named = region.groups
    .all()
    .some(
      (other) =>
        other.id !== group.id &&
        other.rules.some((rule) => rule.peer.kind === 'group' && rule.peer.id === group.id),
    );
  if (named || groupsInUse(region, now).has(group.id)) {
    throw refuse('DependencyViolation', `resource ${group.id} has a dependent object`);
  }
  region.groups.remove(group.id);
  return `<return>true</return>${leaf('groupId', group.id)}`;
}

function describeSecurityGroups(call: Call): string {
  const { params, region, seenAt } = call;
  const test = readFilters<SecurityGroup>(params, {
    'group-id': (group) => [group.id],
    'group-name': (group) => [group.name],
    'vpc-id': (group) => [group.vpcId],
    description: (group) => [group.description],
    'owner-id': () => [region.account],
    'ip-permission.group-id': (group) =>
      group.rules.map((rule) => (!rule.egress && rule.peer.kind === 'group' ? rule.peer.id : undefined)),
    'egress.ip-permission.group-id': (group) =>
      group.rules.map((rule) => (rule.egress && rule.peer.kind === 'group' ? rule.peer.id : undefined)),
  });
  const ids = params.texts('GroupId');
  const names = params.texts('GroupName');
  const seen = region.groups.seen(seenAt);
  for (const id of ids) {
    if (!seen.some((group) => group.id === id)) throw groupNotFound(id);
  }
  for (const name of names) {
    if (!seen.some((group) => group.name === name)) throw groupNotFound(name);
  }
  const selected = seen
    .filter((group) => ids.length === 0 || ids.includes(group.id))
    .filter((group) => names.length === 0 || names.includes(group.name))
    .filter(test);
  const page = pageOf(region.groups, selected, readPaging(params));
  return (
    items('securityGroupInfo', page.values, (group) => groupXml(region, group)) + leaf('nextToken', page.next)
  );
}

function describeSecurityGroupRules(call: Call): string {
  const { params, region, seenAt } = call;
  const rules = region.groups
    .seen(seenAt)
    .flatMap((group) => group.rules.map((rule) => ({ ...rule, groupId: group.id })));
  const test = readFilters<(typeof rules)[number]>(params, {
    'group-id': (rule) => [rule.groupId],
    'security-group-rule-id': (rule) => [rule.id],
  });
  const ids = params.texts('SecurityGroupRuleId');
  for (const id of ids) {
    if (!rules.some((rule) => rule.id === id)) {
      throw refuse(
        'InvalidSecurityGroupRuleId.NotFound',
        `The security group rule ID '${id}' does not exist`,
      );
    }
  }
  const selected = rules.filter((rule) => ids.length === 0 || ids.includes(rule.id)).filter(test);
  return items('securityGroupRuleSet', selected, (rule) => ruleXml(rule, rule.groupId, region.account));
}

/** https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html counts each direction for itself. */
const rulesPerDirection = 60;

function authorize(call: Call, egress: boolean): string {
  const { params, region } = call;
  const group = findGroup(region, params);
  const permissions = readPermissions(params, region);
  if (permissions.length === 0) throw missing('ipPermissions');
  const tags = readTagSpecifications(params, 'security-group-rule');
  const existing = group.rules.filter((rule) => rule.egress === egress);
  const twice = permissions.find(
    (permission, index) =>
      existing.some((rule) => sameRule(rule, permission)) ||
      permissions.slice(0, index).some((earlier) => sameRule(earlier, permission)),
  );
  if (twice !== undefined) {
    throw refuse(
      'InvalidPermission.Duplicate',
      `the specified rule "${describePermission(twice)}" already exists`,
    );
  }
  if (existing.length + permissions.length > rulesPerDirection) {
    throw refuse(
      'RulesPerSecurityGroupLimitExceeded',
      'The maximum number of rules per security group has been reached.',
    );
  }
  const added = permissions.map(
    (permission): Rule => ({ id: region.ids.next('sgr'), egress, ...permission, tags }),
  );
  region.groups.put({ ...group, rules: [...group.rules, ...added] });
  return (
    '<return>true</return>' +
    items('securityGroupRuleSet', added, (rule) => ruleXml(rule, group.id, region.account))
  );
}

function revoke(call: Call, egress: boolean): string {
  const { params, region } = call;
  const group = findGroup(region, params);
  const ids = params.texts('SecurityGroupRuleId');
  const permissions = readPermissions(params, region);
  if (ids.length + permissions.length === 0) throw missing('ipPermissions');
  const inDirection = group.rules.filter((rule) => rule.egress === egress);
  const byId = ids.map((id) => {
    const rule = inDirection.find((candidate) => candidate.id === id);
    if (rule === undefined) {
      throw refuse(
        'InvalidSecurityGroupRuleId.NotFound',
        `The security group rule ID '${id}' does not exist`,
      );
    }
    return rule.id;
  });
  const byPermission = permissions.map((permission) => ruleLike(inDirection, permission).id);
  const revoked = new Set([...byId, ...byPermission]);
  region.groups.put({ ...group, rules: group.rules.filter((rule) => !revoked.has(rule.id)) });
  return '<return>true</return>';
}

function ruleLike(rules: readonly Rule[], permission: Permission): Rule {
  const rule = rules.find((candidate) => sameRule(candidate, permission));
  if (rule === undefined) {
    throw refuse('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.');
  }
  return rule;
}

function groupXml(region: Region, group: SecurityGroup): string {
  return (
    leaf('ownerId', region.account) +
    leaf('groupName', group.name) +
    leaf('groupId', group.id) +
    leaf('groupDescription', group.description) +
    permissionsXml(
      'ipPermissions',
      group.rules.filter((rule) => !rule.egress),
      region.account,
    ) +
    permissionsXml(
      'ipPermissionsEgress',
      group.rules.filter((rule) => rule.egress),
      region.account,
    ) +
    leaf('vpcId', group.vpcId) +
    tagSet(group.tags) +
    leaf('securityGroupArn', arnOf(region, group))
  );
}

function findGroup(region: Region, params: Params): SecurityGroup {
  const id = params.text('GroupId');
  const name = params.text('GroupName');
  if (id === undefined && name === undefined) {
    throw refuse('MissingParameter', 'The request must contain the parameter groupName or groupId');
  }
  const group =
    id === undefined
      ? region.groups.all().find((candidate) => candidate.name === name)
      : region.groups.get(id);
  if (group === undefined) throw groupNotFound(id ?? name ?? '');
  return group;
}

function groupNotFound(id: string): Error {
  return refuse('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
}

function readPaging(params: Params) {
  const size = params.text('MaxResults');
  if (size !== undefined && !(Number(size) >= 5 && Number(size) <= 1000)) {
    throw refuse(
      'InvalidParameterValue',
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
    );
  }
  return {
    token: params.text('NextToken'),
    size: size === undefined ? undefined : Number(size),
    badToken: 'InvalidNextToken',
  };
}

function arnOf(region: Region, group: SecurityGroup): string {
  return `arn:aws:ec2:${region.name}:${region.account}:security-group/${group.id}`;
}
