/** Defects put into a simulated engine on purpose, to see that each checker can complain. */
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';

export interface Sabotage {
  /** The log writer says "durable" before it is. */
  readonly durableTooEarly: boolean;
  /** A cancel is answered as if it had been carried out. */
  readonly cancelsIgnored: boolean;
  /** Look-ups of keys in segment indexes find nothing. */
  readonly keysForgotten: boolean;
  /** Couriers are told that no origin is paused. */
  readonly pausesIgnored: boolean;
  /** Every status change is shown twice. */
  readonly changesRepeated: boolean;
  /** A stream that goes on from the log misses the first change of each slice. */
  readonly pastForgotten: boolean;
}

export function sabotagedRequest({ cancelsIgnored }: Partial<Sabotage>, request: HostRequest): HostRequest {
  return cancelsIgnored && request.op === 'cancel' ? { ...request, op: 'get' } : request;
}

/** Producers of such a run ask no plain questions, so every `event` is the answer to a cancel. */
export function sabotagedReply({ cancelsIgnored }: Partial<Sabotage>, reply: HostReply): HostReply {
  return cancelsIgnored && reply.op === 'event' ? { ...reply, view: { ...reply.view, status: 'CANCELLED' } } : reply;
}
