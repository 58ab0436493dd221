/**
 * Carrying an event forward: may it be done now, and the record that does it.
 *
 * The content was read from the log, up to a record that was the event's newest then. If something has happened to the event since,
 * nothing is decided, and it is read again.
 */
import { type CarriedRecord, carriedKind } from '../event/record.js';
import type { Sequence, WallMs } from '../kernel/brand.js';
import type { Bundle } from '../log/protocol.js';
import type { PartitionState } from './state.js';

/** Null: the event has moved on. */
export function decideCarry(state: PartitionState, { event, newest, body }: Bundle, now: WallMs): CarriedRecord | null {
  const handle = state.handleOf(event);
  const current = handle === null ? state.finished.seqOf(event) : state.columns.newestSeq(handle);
  // Of what finished in an indexed segment memory knows nothing; since it was read it could only have come back as pending.
  if (current !== null && current !== newest) return null;
  return {
    seq: (state.lastSeq + 1) as Sequence,
    kind: carriedKind,
    event,
    prev: newest,
    at: Math.floor(now) as WallMs,
    body,
  };
}
