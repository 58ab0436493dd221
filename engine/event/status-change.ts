/** What the status stream shows: one transition of an event, durable when anybody hears of it. */
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { decodeDispatched, decodeOutcome, decodeRefused } from './outcome-codec.js';
import { isOutcome, type LogRecord, recordKinds, stateBehind } from './record.js';
import { decodeSpec } from './spec-codec.js';
import type { EventStatus } from './status.js';
import { nextAttemptAtOf } from './view.js';

/** What subscribers filter by beside the state; it is in the event's spec. */
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

/** Changes of one partition, of all records behind one position up to another. */
export interface ChangeSlice {
  /** Where it begins. Behind the place that was asked for: what lies between cannot be told. */
  readonly after: Sequence;
  /** Everything up to here has been looked at. */
  readonly through: Sequence;
  readonly changes: readonly StatusChange[];
}

/** A change as its record tells it, before its labels are known. */
export type BareChange = Omit<StatusChange, keyof Labels>;

/** How far an event had come with one of its records. */
export interface Standing {
  readonly status: EventStatus;
  readonly version: number;
  readonly attempt: number;
}

/** `spec`: as `encodeSpec` gave it. */
export function labelsOf(spec: Uint8Array): Labels {
  const { externalJobId, source, type } = decodeSpec(spec);
  return { externalJobId, source, type };
}

export function bareChangeOf(
  record: LogRecord,
  { partition, standing }: { partition: PartitionId; standing: Standing },
): BareChange {
  const outcome = isOutcome(record.kind) ? decodeOutcome(record.body) : null;
  return {
    partition,
    seq: record.seq,
    event: record.event,
    status: standing.status,
    version: standing.version,
    at: record.at,
    attempt: standing.attempt,
    nextAttemptAtMs: nextAttemptAtOf(record),
    statusCode: outcome?.statusCode ?? null,
    error: record.kind === recordKinds.refused ? decodeRefused(record.body).reason : (outcome?.error ?? null),
    fireLagMs: outcome?.lagMs ?? null,
  };
}

/** `before`: with the event's previous record; null for its first. */
export function standingAfter(record: LogRecord, before: Standing | null): Standing {
  const attempt = record.kind === recordKinds.dispatched ? decodeDispatched(record.body).attempt : (before?.attempt ?? 0);
  const status = stateBehind(record) ?? before?.status ?? 'SCHEDULED';
  return { status, version: (before?.version ?? 0) + 1, attempt };
}
