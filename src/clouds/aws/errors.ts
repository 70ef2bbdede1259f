/**
 * What AWS says, in our words. One table from provider code to `CloudErrorCode`; nothing here or elsewhere reads the
 * text of a message.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html
 */
import { CloudError, type CloudErrorCode } from '../cloud.ts';

/** Exact codes first; `Exception` at the end of a code is not significant. */
const CODES: Readonly<Record<string, CloudErrorCode>> = {
  // Too fast.
  RequestLimitExceeded: 'throttled',
  Throttling: 'throttled',
  Throttled: 'throttled',
  ThrottledRequest: 'throttled',
  EC2Throttled: 'throttled',
  RequestThrottled: 'throttled',
  TooManyRequests: 'throttled',
  BandwidthLimitExceeded: 'throttled',
  SlowDown: 'throttled',

  // No room, here or at all; elsewhere there may be. `Unsupported` is EC2's answer when a zone does not offer the type
  // (`UnsupportedOperation` is the one that no other zone mends).
  InsufficientInstanceCapacity: 'outOfCapacity',
  InsufficientHostCapacity: 'outOfCapacity',
  InsufficientCapacity: 'outOfCapacity',
  InsufficientReservedInstanceCapacity: 'outOfCapacity',
  InsufficientReservedInstancesCapacity: 'outOfCapacity',
  InsufficientFreeAddressesInSubnet: 'outOfCapacity',
  InsufficientAddressCapacity: 'outOfCapacity',
  InsufficientVolumeCapacity: 'outOfCapacity',
  ReservationCapacityExceeded: 'outOfCapacity',
  UnfulfillableCapacity: 'outOfCapacity',
  SpotMaxPriceTooLow: 'outOfCapacity',
  SpotInstanceTermination: 'outOfCapacity',
  Unsupported: 'outOfCapacity',

  // A quota of the account; AWS raises it on request.
  InstanceLimitExceeded: 'quota',
  VcpuLimitExceeded: 'quota',
  MaxSpotInstanceCountExceeded: 'quota',
  SpotInstanceCountExceeded: 'quota',
  VolumeLimitExceeded: 'quota',
  VolumeIOPSLimit: 'quota',
  MaxIOPSLimitExceeded: 'quota',
  ResourceLimitExceeded: 'quota',
  ResourceCountExceeded: 'quota',
  LimitExceeded: 'quota',
  SecurityGroupLimitExceeded: 'quota',
  RulesPerSecurityGroupLimitExceeded: 'quota',
  SecurityGroupsPerInstanceLimitExceeded: 'quota',
  SecurityGroupsPerInterfaceLimitExceeded: 'quota',
  AttachmentLimitExceeded: 'quota',
  AddressLimitExceeded: 'quota',
  TooManyLoadBalancers: 'quota',
  TooManyTargetGroups: 'quota',
  TooManyListeners: 'quota',
  TooManyTargets: 'quota',
  TooManyTags: 'quota',
  TooManyRules: 'quota',
  TooManyCertificates: 'quota',
  TooManyActions: 'quota',
  TooManyRegistrationsForTargetId: 'quota',
  TooManyUniqueTargetGroupsPerLoadBalancer: 'quota',

  // Who we are, or what we may do. `OperationNotPermitted` (protection against termination or deletion, set by
  // somebody) stands here because a person with the authority has to lift it.
  AuthFailure: 'unauthorized',
  UnauthorizedOperation: 'unauthorized',
  OperationNotPermitted: 'unauthorized',
  AccessDenied: 'unauthorized',
  NotAuthorized: 'unauthorized',
  InvalidClientTokenId: 'unauthorized',
  InvalidAccessKeyId: 'unauthorized',
  UnrecognizedClient: 'unauthorized',
  SignatureDoesNotMatch: 'unauthorized',
  InvalidSignature: 'unauthorized',
  IncompleteSignature: 'unauthorized',
  MissingAuthenticationToken: 'unauthorized',
  ExpiredToken: 'unauthorized',
  RequestExpired: 'unauthorized',
  InvalidIdentityToken: 'unauthorized',
  IDPRejectedClaim: 'unauthorized',
  RegionDisabled: 'unauthorized',
  OptInRequired: 'unauthorized',
  SubscriptionRequired: 'unauthorized',
  PendingVerification: 'unauthorized',
  Blocked: 'unauthorized',
  // The SDK's own, before anything is sent.
  CredentialsProviderError: 'unauthorized',
  TokenProviderError: 'unauthorized',

  // Named things that are not there. `InvalidID` is what CreateTags and DeleteTags say.
  InvalidID: 'notFound',
  LoadBalancerNotFound: 'notFound',
  TargetGroupNotFound: 'notFound',
  ListenerNotFound: 'notFound',
  SubnetNotFound: 'notFound',
  CertificateNotFound: 'notFound',
  AvailabilityZoneNotSupported: 'outOfCapacity',
  ParameterNotFound: 'notFound',
  ParameterVersionNotFound: 'notFound',

  // Named things that are already there. The two of client tokens mean: this call happened before.
  IdempotentParameterMismatch: 'alreadyExists',
  IdempotentInstanceTerminated: 'alreadyExists',
  DuplicateLoadBalancerName: 'alreadyExists',
  DuplicateTargetGroupName: 'alreadyExists',
  DuplicateListener: 'alreadyExists',
  DuplicateTagKeys: 'invalid',

  // Not now: something else has to end first, and does so by itself.
  DependencyViolation: 'unavailable',
  ResourceInUse: 'unavailable',
  IncorrectState: 'unavailable',
  IncorrectInstanceState: 'unavailable',
  ConcurrentTagAccess: 'unavailable',
  OperationAborted: 'unavailable',
  PriorRequestNotComplete: 'unavailable',
  'InvalidGroup.InUse': 'unavailable',

  // The request itself.
  ValidationError: 'invalid',
  InvalidConfigurationRequest: 'invalid',
  UnsupportedProtocol: 'invalid',
  VPCIdNotSpecified: 'invalid',
  VPCResourceNotSpecified: 'invalid',
  DefaultVpcDoesNotExist: 'notFound',
  UnsupportedOperation: 'unsupported',
  UnsupportedFeature: 'unsupported',
  UnsupportedInstanceAttribute: 'unsupported',
  UnknownOperation: 'unsupported',
  InvalidAction: 'unsupported',
  NoSuchVersion: 'unsupported',
};

/** Whole families, for what the list above does not name. The first match counts. */
const FAMILIES: readonly (readonly [RegExp, CloudErrorCode])[] = [
  [/\.NotFound$|NotFound$/, 'notFound'],
  [/\.Duplicate$|^Duplicate|AlreadyExists$/, 'alreadyExists'],
  [/LimitExceeded$|QuotaExceeded$|^TooMany|^Max[A-Z]\w+Exceeded$/, 'quota'],
  [/^Insufficient/, 'outOfCapacity'],
  [/^Invalid|^Missing|^Malformed|^Unknown|^Validation|Malformed$/, 'invalid'],
];

/** Not carried out for certain, whatever HTTP status they come with; those of 5xx not named here may have been. */
const CLEAR_REFUSALS: ReadonlySet<CloudErrorCode> = new Set([
  'throttled',
  'outOfCapacity',
  'quota',
  'unauthorized',
  'notFound',
  'alreadyExists',
  'invalid',
  'unsupported',
]);

/** Socket errors of a connection that never stood: no byte of the request was sent. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** TLS handshakes that failed: Node's and OpenSSL's codes for certificates. */
const NEVER_TRUSTED = /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|UNABLE_TO_|SELF_SIGNED_)/;

/** The class of a provider code, of a call's refusal or a machine's state reason; undefined when unknown. */
export function classify(code: string): CloudErrorCode | undefined {
  // State reasons carry who is to blame: `Server.InsufficientInstanceCapacity`, `Client.VolumeLimitExceeded`.
  const bare = code.replace(/^(Server|Client)\./, '').replace(/Exception$/, '');
  if (Object.hasOwn(CODES, bare)) return CODES[bare];
  return FAMILIES.find(([family]) => family.test(bare))?.[1];
}

export interface FailedCall {
  readonly api: string;
  readonly write: boolean;
  /** The request was handed to a connection. False: nothing can have come of it. */
  readonly sent: boolean;
  /** By the deadline or by whoever asked for it. */
  readonly calledOff?: boolean;
}

/** Turns whatever a call threw into the one error a cloud throws. A CloudError stays as it is. */
export function toCloudError(call: FailedCall, thrown: unknown): CloudError {
  if (thrown instanceof CloudError) return thrown;
  const facts = factsOf(thrown);
  const known = call.calledOff || facts.reason === undefined ? undefined : classify(facts.reason);
  const code = known ?? byStatus(call, facts);
  // 5xx means that nobody knows, unless the code says what happened: EC2 reports lack of capacity with 500.
  const refused = facts.status !== undefined && (facts.status < 500 || CLEAR_REFUSALS.has(code));
  const certain = !call.write || !call.sent || refused || facts.unconnected;
  return new CloudError({
    api: call.api,
    code,
    outcome: certain ? 'none' : 'unknown',
    reason: facts.reason ?? reasonWithout(call, facts),
    message: facts.message,
    cause: thrown,
  });
}

function byStatus(call: FailedCall, { status, reason }: Facts): CloudErrorCode {
  if (call.calledOff) return 'unavailable';
  // It never left, and no network was in the way: the SDK could not make a request out of the input.
  if (!call.sent && status === undefined && reason === undefined) return 'invalid';
  if (status === undefined || status >= 500) return 'unavailable';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 429) return 'throttled';
  // Answers that are no answers of AWS: a proxy or a captive portal is between us.
  if (status < 400) return 'unavailable';
  return 'invalid';
}

function reasonWithout(call: FailedCall, { status }: Facts): string {
  if (status !== undefined) return `Http${status}`;
  return call.sent ? 'NoAnswer' : 'NotSent';
}

interface Facts {
  /** The provider's code, or that of the socket error. */
  readonly reason: string | undefined;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** There never was a connection to send it on. */
  readonly unconnected: boolean;
  readonly message: string;
}

/** Names of errors that say nothing more than that there was one. */
const NAMELESS = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'AggregateError']);

function factsOf(thrown: unknown): Facts {
  if (!(thrown instanceof Error)) {
    return { reason: undefined, status: undefined, unconnected: false, message: String(thrown) };
  }
  const status = statusOf(thrown);
  const socket = textAt(thrown, 'code');
  // The query protocols bring AWS's own code as `Code`; the SDK's class name adds `Exception` to some of them. An
  // answer that could not be read (a proxy's HTML page) leaves only the SDK's name for its own confusion.
  const said = textAt(thrown, 'Code') ?? socket ?? thrown.name;
  const syscall = textAt(thrown, 'syscall');
  return {
    reason: NAMELESS.has(said) ? undefined : said,
    status,
    unconnected:
      status === undefined &&
      (syscall === 'connect' ||
        syscall === 'getaddrinfo' ||
        (socket !== undefined && (NEVER_CONNECTED.has(socket) || NEVER_TRUSTED.test(socket)))),
    message: messageOf(thrown),
  };
}

function statusOf(thrown: Error): number | undefined {
  const metadata: unknown = '$metadata' in thrown ? thrown.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function textAt(thrown: Error, key: string): string | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(thrown, key)?.value;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Node joins several failed connection attempts into one error without a message. */
function messageOf(thrown: Error): string {
  if (thrown.message !== '') return thrown.message;
  return thrown instanceof AggregateError ? thrown.errors.map(String).join(', ') : thrown.name;
}
