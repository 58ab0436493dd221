/** What the status stream shows: one transition of an event, durable when anybody hears of it. */
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { decodeDispatched, decodeOutcome } from './outcome-codec.js';
import { isOutcome, type LogRecord, recordKinds, statusOfKind } from './record.js';
import { decodeSpec, SpecHead } from './spec-codec.js';
import type { EventStatus } from './status.js';

/** What subscribers filter by beside the state; it is in the event's body. */
export interface Labels {
  readonly externalJobId: string | null;
  readonly source: string;
  readonly type: string | null;
}

export interface StatusChange extends Labels {
  readonly partition: PartitionId;
  /** Of the record that made it. Grows within a partition; a record that is no change leaves a hole. */
  readonly seq: Sequence;
  readonly event: EventId;
  readonly status: EventStatus;
  readonly version: number;
  readonly at: WallMs;
  readonly attempt: number;
  readonly nextAttemptAtMs: WallMs | null;
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly fireLagMs: number | null;
}

/** A change as its record tells it, before its labels are known. */
export type BareChange = Omit<StatusChange, keyof Labels>;

/** How far an event had come with one of its records. */
export interface Standing {
  readonly version: number;
  readonly attempt: number;
}

const head = new SpecHead();

export function labelsOf(body: Uint8Array): Labels {
  const { externalJobId, source, type } = decodeSpec(body);
  return { externalJobId, source, type };
}

export function bareChangeOf(
  record: LogRecord,
  { partition, standing }: { partition: PartitionId; standing: Standing },
): BareChange {
  const outcome = isOutcome(record.kind) ? decodeOutcome(record.body) : null;
  const isAccepted = record.kind === recordKinds.accepted;
  return {
    partition,
    seq: record.seq,
    event: record.event,
    status: statusOfKind[record.kind],
    version: standing.version,
    at: record.at,
    attempt: standing.attempt,
    nextAttemptAtMs: isAccepted ? head.at(record.body).scheduledAtMs : (outcome?.nextAttemptAtMs ?? null),
    statusCode: outcome?.statusCode ?? null,
    error: outcome?.error ?? null,
    fireLagMs: outcome?.lagMs ?? null,
  };
}

/** `before`: with the event's previous record; null for its first. */
export function standingAfter(record: LogRecord, before: Standing | null): Standing {
  const attempt = record.kind === recordKinds.dispatched ? decodeDispatched(record.body).attempt : (before?.attempt ?? 0);
  return { version: (before?.version ?? 0) + 1, attempt };
}
