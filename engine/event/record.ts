/**
 * What the log says about an event: one record for each transition, in the order in which they were decided.
 *
 * A record is the only way in which state changes; `body` is bytes (`spec-codec.ts` for `accepted`, `outcome-codec.ts`
 * for the rest), so that the log and the threads between can move records without looking inside.
 */
import type { Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';

/** Numbers are on disk: never change one, never use one again. */
export const recordKinds = {
  accepted: 1,
  dispatched: 2,
  delivered: 3,
  retrying: 4,
  dead: 5,
  cancelled: 6,
  expired: 7,
} as const;

export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds];

export interface LogRecord {
  readonly seq: Sequence;
  readonly kind: RecordKind;
  readonly event: EventId;
  /** The previous record of the same event in this partition; `noSequence` for `accepted`. A history is a walk. */
  readonly prev: Sequence;
  readonly at: WallMs;
  readonly body: Uint8Array;
}
