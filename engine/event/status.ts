/**
 * The states of an event and the only allowed moves.
 *
 *     SCHEDULED -> DISPATCHED -> DELIVERED
 *         |            |  \----> DEAD
 *         |            v
 *         |        RETRYING -> DISPATCHED
 *         v            v
 *     CANCELLED | EXPIRED          (from SCHEDULED and RETRYING)
 *
 *     DEAD | CANCELLED | EXPIRED -> SCHEDULED     (an operator's retry)
 *     SCHEDULED -> DEAD                           (accepted without its owner, who had to refuse it: `partition/decide-keyed.ts`)
 */
import { InvariantError } from '../kernel/errors.js';

export const eventStatuses = ['SCHEDULED', 'DISPATCHED', 'DELIVERED', 'RETRYING', 'DEAD', 'CANCELLED', 'EXPIRED'] as const;
export type EventStatus = (typeof eventStatuses)[number];
/** As stored in a column: the place in `eventStatuses`. */
export type StatusCode = number;

export const finishedStatuses = ['DELIVERED', 'DEAD', 'CANCELLED', 'EXPIRED'] as const satisfies readonly EventStatus[];

/** Allowed moves. Anything else is a bug of ours, not a bad request, so `move` throws InvariantError. */
const moves = {
  SCHEDULED: ['DISPATCHED', 'CANCELLED', 'EXPIRED', 'DEAD'],
  DISPATCHED: ['DELIVERED', 'RETRYING', 'DEAD'],
  RETRYING: ['DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DELIVERED: [],
  DEAD: ['SCHEDULED'],
  CANCELLED: ['SCHEDULED'],
  EXPIRED: ['SCHEDULED'],
} as const satisfies Record<EventStatus, readonly EventStatus[]>;

/** The one door: `to` if the move is allowed. */
export function move(from: EventStatus, to: EventStatus): EventStatus {
  if (!(moves[from] as readonly EventStatus[]).includes(to)) {
    throw new InvariantError(`an event cannot move from ${from} to ${to}`);
  }
  return to;
}

export function isFinished(status: EventStatus): boolean {
  return (finishedStatuses as readonly EventStatus[]).includes(status);
}

/** Due, but not started yet, and why. */
export const waitReasons = ['concurrency', 'breaker', 'paused', 'recovery'] as const;
export type WaitReason = (typeof waitReasons)[number];
