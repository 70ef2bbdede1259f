/**
 * Types and reasons of all conditions and Events: closed lists, so that people can search for them and programs can
 * rely on them. The reference page is made from them.
 */

export const CONDITION_TYPES = {
  Ready: 'All is as wished.',
  Reconciling: 'The operator is at work and will go on by itself.',
  Stalled:
    'Only a person can mend it; it is tried again at growing intervals, and at once when the wish changes.',
  SweepHeld:
    'On a CloudCredential: in some region more would be swept away than an hour may remove, so nothing is.',
  Protected: 'The credential and its Secret cannot vanish while they are in use.',
} as const;
export type ConditionType = keyof typeof CONDITION_TYPES;

export const REASONS = {
  // All is well, or will be.
  AllReady: 'Every node is Ready and nothing around them is left to do.',
  Ready: 'The machine runs and is healthy in every balancer it belongs to.',
  Verified: 'The cloud knows the credential.',
  Progressing: 'Steps are under way; the message names the next.',
  Waiting: 'Nothing was asked of the cloud yet; the message says what is waited for.',
  Launching: 'A machine was asked for.',
  Starting:
    'The machine boots, or nobody has seen it healthy yet; the message says why when that lasts, or when what runs on it does not stay up.',
  WaitingForPeers: 'The node starts when the peer addresses of the boot nodes are known.',
  Replacing: 'Nodes of an earlier revision are replaced, one at a time.',
  Scaling: 'Nodes are added or removed.',
  Draining: 'The node is out of its balancer and open connections run out.',
  Terminating: 'The machine or what surrounded it is being removed.',
  Paused: 'The object or the operator is paused; nothing in the cloud is changed.',
  PlanPending: 'mode is Plan: status.plan says what would be done.',
  // Somebody has to do something.
  Invalid: 'The object cannot be read; the message has the path of the field.',
  CredentialNotFound: 'The CloudCredential does not exist.',
  CredentialMismatch: 'The CloudCredential is one of another cloud.',
  NamespaceNotAllowed: 'The CloudCredential does not allow this namespace.',
  SecretNotFound: 'The Secret does not exist.',
  SecretKeyMissing: 'The Secret lacks a key, or the key is empty.',
  SecretDeliveryRequired:
    'A variable, a file or a registry login comes from a Secret, the machine has user data, and secretDelivery is None.',
  UserDataTooLarge: 'What the machine boots with exceeds what the cloud takes.',
  Unauthorized: 'The cloud refuses the identity, or what it wants to do.',
  InvalidRequest: 'The cloud says that what it was asked for is wrong; tried again slowly.',
  Unsupported: 'The cloud cannot do this here; tried again slowly.',
  NotFound: 'Something the spec names does not exist in the cloud.',
  AlreadyExists: 'Something of that name exists and is not ours.',
  NetworkNotFound: 'No network to launch into: no default VPC, or no subnet by that id or tag.',
  AmbiguousNetwork: 'More than one network fits, or the subnets are of two networks.',
  CannotShareBalancer:
    'A placement cannot be behind the balancer of its region; the message says what keeps it apart.',
  NetworkChanged:
    'The spec names another network than the one in which the machines stand, and nothing moves them; all stays as it is, and goes on when the former one is named again.',
  TooFewZones: 'The balancer needs subnets in more zones.',
  QuotaExceeded: "The account's quota is used up; tried again slowly.",
  AccountChanged:
    'The credential now belongs to another account than the one in which the machine, or what is around it, was made.',
  MachineStopped: 'The machine is stopped: start it, or delete the Node.',
  GatewayForbidden:
    'The operator may not keep a gateway in this namespace: the chart gives the rights with gateway.enabled.',
  PeersForbidden:
    'The operator may not keep the ConfigMap with the peers of the Network: its role gives no right to.',
  NodesStalled: 'Some Nodes cannot go on without a person; the message names one and its trouble.',
  PeersUnknown:
    "No boot node's peer address became known in time; the nodes that wait for it go on when one does.",
  MostlyUnhealthy: 'More than half of the nodes are unhealthy at once; none is replaced until fewer are.',
  NodesMissing: 'Machines are there and their Nodes are not: a restore, not a scale-down.',
  SweepHeld: 'More would be swept away than the hourly limit allows.',
  // It passes by itself.
  OutOfCapacity: 'The cloud has no such machine left there; the next try may go elsewhere.',
  Throttled: 'The cloud asks for fewer calls.',
  CloudUnavailable:
    'The cloud does not answer, or answers with an error of its own; Stalled when that lasts, though it may pass by itself.',
  LaunchFailed: 'A launch was refused, or its machine ended before it was Ready; the message says why.',
  MachineLost: 'The machine ended behind our back; another is launched for the Node.',
  Unhealthy:
    'A balancer that the machine belongs to does not see it healthy, or what runs on it ended after it had been healthy and is being started again.',
  HealthCheckFailed:
    'The machine runs, and the health check of its client fails; that stays until the check is passed, also over a restart of the operator.',
  Remediated: 'The node was unhealthy for too long and is replaced.',
  UnknownVariable: 'A text refers to a variable by `$(NAME)` that has no value; it stays as it is.',
  SurplusMachine: 'There was more than one machine for a Node; all but one are removed.',
  Swept: 'Machines or resources with our tag and no object behind them were removed.',
  InternalError: 'The operator failed; tried again with backoff.',
  // Finalizers.
  InUse: 'The credential is used and cannot go yet; the message says by whom.',
  Unused: 'Nothing uses the credential.',
  FinalizersInPlace: 'The credential and its Secret carry our finalizer.',
  FinalizerOff: 'Finalizers on Secrets are turned off: deleting the namespace can leave machines behind.',
} as const satisfies Record<string, string>;
export type Reason = keyof typeof REASONS;
