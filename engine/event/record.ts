/**
 * What the log says about an event: one record for each change, in the order in which they were decided.
 *
 * A record is the only way in which state changes; `body` is bytes (`spec-codec.ts` for `accepted`, `renewal-codec.ts` for
 * `changed` and `retried`, `outcome-codec.ts` for the rest), so that the log and the threads between can move records without
 * looking inside.
 */
import type { Sequence, WallMs } from '../kernel/brand.js';
import { UnknownFormatError } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import type { EventStatus } from './status.js';

/** Numbers are on disk: never change one, never use one again. */
export const recordKinds = {
  accepted: 1,
  dispatched: 2,
  delivered: 3,
  retrying: 4,
  dead: 5,
  cancelled: 6,
  expired: 7,
  /** A new spec for a pending event: the body moves here. */
  changed: 8,
  /** An operator's retry: a finished event is pending again, with a fresh budget of retries. */
  retried: 11,
  /** A pending event is due at once. */
  hastened: 12,
  /** The attempt that runs is the last one, however it ends. */
  retriesStopped: 13,
  /** Accepted while nobody owned its partition, and then found to have the key of an event with other content: it ends without an attempt. */
  refused: 15,
} as const;

/**
 * All records of an event so far in one (`carried-codec.ts`), written when retention is about to remove the segments in which they
 * stand. No change of the event: whoever walks through its records finds those in here instead. The same numbering.
 */
export const carriedKind = 9;

/** What is set for a destination: about no event. The same numbering. */
export const settingsKind = 10;

/** Another id of an event (`partition/aliases.ts`): about no change of it. The same numbering. */
export const aliasKind = 14;

/** A place that a repair has emptied (`upkeep/repair.ts`): about nothing, with an empty body. */
export const voidKind = 16;

export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds];

/** The state that a record of this kind leads to; null: the event stays in its state. */
export const statusOfKind: Readonly<Record<RecordKind, EventStatus | null>> = {
  [recordKinds.accepted]: 'SCHEDULED',
  [recordKinds.dispatched]: 'DISPATCHED',
  [recordKinds.delivered]: 'DELIVERED',
  [recordKinds.retrying]: 'RETRYING',
  [recordKinds.dead]: 'DEAD',
  [recordKinds.cancelled]: 'CANCELLED',
  [recordKinds.expired]: 'EXPIRED',
  [recordKinds.changed]: null,
  [recordKinds.retried]: 'SCHEDULED',
  [recordKinds.hastened]: null,
  [recordKinds.retriesStopped]: null,
  [recordKinds.refused]: 'DEAD',
};

/** The states of an event behind each of its records, oldest first. */
export function statusesOf(records: readonly Pick<LogRecord, 'kind' | 'seq'>[]): EventStatus[] {
  let status: EventStatus = 'SCHEDULED';
  return records.map((record) => {
    status = stateBehind(record) ?? status;
    return status;
  });
}

/** As `statusOfKind`. Throws for a kind of a later version: what became of the event is not guessed. */
export function stateBehind({ kind, seq }: { readonly kind: number; readonly seq: Sequence }): EventStatus | null {
  const status: EventStatus | null | undefined = statusOfKind[kind as RecordKind];
  if (status === undefined)
    throw new UnknownFormatError(
      `record ${seq} is of kind ${kind}, which this version does not know: use the version that wrote it`,
    );
  return status;
}

const knownKinds: ReadonlySet<number> = new Set([...Object.values(recordKinds), carriedKind, settingsKind, aliasKind, voidKind]);

/** Whether this version knows what such a record says. */
export function isKnownKind(kind: number): boolean {
  return knownKinds.has(kind);
}

/** Whether a record of this kind carries the outcome of an attempt. */
export function isOutcome(kind: RecordKind): boolean {
  return kind === recordKinds.delivered || kind === recordKinds.retrying || kind === recordKinds.dead;
}

/** A record about an event. */
export interface LogRecord {
  readonly seq: Sequence;
  readonly kind: RecordKind;
  readonly event: EventId;
  /** The previous record of the same event in this partition; `noSequence` for `accepted`. A history is a walk. */
  readonly prev: Sequence;
  readonly at: WallMs;
  readonly body: Uint8Array;
}

/** A record about a destination: `body` as `settings-codec.ts` has it, `event` is `noEvent`. */
export interface SettingsRecord extends Omit<LogRecord, 'kind'> {
  readonly kind: typeof settingsKind;
}

/** A record about the name of an event: `body` as `alias-codec.ts` has it, `event` is `noEvent`, since nothing has become of it. */
export interface AliasRecord extends Omit<LogRecord, 'kind'> {
  readonly kind: typeof aliasKind;
}

/** A record about nothing any more: `event` is `noEvent`. */
export interface VoidRecord extends Omit<LogRecord, 'kind'> {
  readonly kind: typeof voidKind;
}

/** Stands for records of its event; `prev` is the newest of these. */
export interface CarriedRecord extends Omit<LogRecord, 'kind'> {
  readonly kind: typeof carriedKind;
}

/** Whatever a log holds. */
export type StoredRecord = LogRecord | CarriedRecord | SettingsRecord | AliasRecord | VoidRecord;

/** In the place of an event's id. */
export const noEvent: EventId = new Uint8Array(16);

/** A change of an event. */
export function isAboutEvent(record: StoredRecord): record is LogRecord {
  return !isAside(record.kind) && record.kind !== carriedKind;
}

/** A record of this kind neither changes an event nor stands for such changes. */
export function isAside(kind: number): boolean {
  return kind === settingsKind || kind === aliasKind || kind === voidKind;
}
