/** Defects put into a simulated engine on purpose, to see that each checker can complain. */
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { entryBytes } from '../../engine/event/event-list.js';

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
  /** Partitions leave out the first place of each page of a list. */
  readonly placesSkipped: boolean;
  /** A bulk change says that it has changed one more than it has. */
  readonly changesOvercounted: boolean;
}

export function sabotagedRequest({ cancelsIgnored }: Partial<Sabotage>, request: HostRequest): HostRequest {
  return cancelsIgnored && request.op === 'cancel' ? { ...request, op: 'get' } : request;
}

/** Producers of a run in which cancels are ignored ask no plain questions, so every `event` is the answer to a cancel. */
export function sabotagedReply(sabotage: Partial<Sabotage>, reply: HostReply): HostReply {
  const { cancelsIgnored, placesSkipped, changesOvercounted } = sabotage;
  if (cancelsIgnored && reply.op === 'event') return { ...reply, view: { ...reply.view, status: 'CANCELLED' } };
  if (placesSkipped && reply.op === 'listed') return { ...reply, entries: reply.entries.subarray(entryBytes) };
  if (changesOvercounted && reply.op === 'changed-many')
    return { ...reply, matched: reply.matched + 1, changed: reply.changed + 1 };
  return reply;
}
