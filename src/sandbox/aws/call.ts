import type { Params } from './query.ts';
import type { Region } from './region.ts';

export type ApiName = 'ec2' | 'elasticloadbalancing' | 'sts' | 'ssm';

/** Who signed a call. */
export interface Caller {
  readonly accessKeyId: string;
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

/** One accepted call, as its handler sees it. */
export interface Call {
  readonly params: Params;
  readonly region: Region;
  readonly caller: Caller;
  /** Milliseconds since the epoch: writes happen now, ... */
  readonly now: number;
  /** ... and describes look at this moment, which read lag puts into the past. */
  readonly seenAt: number;
}

/** Answers a call with the content of its response element, or throws an ApiError. */
type Handler = (call: Call) => string;

/** Handlers by action name. */
export type Handlers = Readonly<Record<string, Handler>>;
