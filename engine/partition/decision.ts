/** How decisions are put together: the next record of an event, an answer, a refusal. */
import type { LogRecord, RecordKind } from '../event/record.js';
import type { Handle, Sequence, WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import type { Answer, Decision, Needs } from './command.js';
import type { PartitionState } from './state.js';

export const nothing: Decision = { records: [], alias: null, answer: null, needs: null, found: null };

export function answered(answer: Answer): Decision {
  return { ...nothing, answer };
}

export function needing(needs: Needs): Decision {
  return { ...nothing, needs };
}

export type Refusal = Omit<Extract<Answer, { op: 'refused' }>, 'op'>;

export function refused(refusal: Refusal): Decision {
  return answered({ op: 'refused', ...refusal });
}

export function notFound(event: EventId): Decision {
  return refused({ code: 'not-found', detail: `there is no event ${formatEventId(event)}`, event: null, status: null });
}

export interface NewRecord {
  readonly kind: RecordKind;
  readonly now: WallMs;
  readonly body: Uint8Array;
}

/** The next record of a pending event. */
export function written(state: PartitionState, handle: Handle, record: NewRecord): Decision {
  const { columns } = state;
  invariant(
    columns.isLive(handle),
    () => `partition ${state.partition}: a record of kind ${record.kind} for row ${handle}, which is free`,
  );
  return { ...nothing, records: [nextRecord(state, handle, record)] };
}

/** The same, and the event as it is behind it as the answer. */
export function changed(state: PartitionState, handle: Handle, record: NewRecord): Decision {
  const { records } = written(state, handle, record);
  return { ...nothing, records, answer: { op: 'event', newest: records[0]!.seq } };
}

/** The next record of a pending event, alone. */
export function nextRecord(state: PartitionState, handle: Handle, { kind, now, body }: NewRecord): LogRecord {
  const { columns } = state;
  return recordOf(state, { event: columns.id(handle), prev: columns.newestSeq(handle), kind, now, body });
}

export function recordOf(
  state: PartitionState,
  { event, prev, kind, now, body }: NewRecord & { readonly event: EventId; readonly prev: Sequence },
): LogRecord {
  return { seq: (state.lastSeq + 1) as Sequence, kind, event, prev, at: wholeMs(now), body };
}

/** Records are stamped in whole milliseconds. */
export function wholeMs(now: WallMs): WallMs {
  return Math.floor(now) as WallMs;
}
