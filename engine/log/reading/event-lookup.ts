/**
 * Reads of single events: their records, their bodies, and where they finished.
 *
 * Every record is verified on its own, and everything that one record or an index says about another is checked against
 * that other, so that damage anywhere ends in "damaged" and never in somebody else's event.
 */
import { recordsIn } from '../../event/carried-codec.js';
import { specIn } from '../../event/renewal-codec.js';
import { carriedKind, type LogRecord, type StoredRecord } from '../../event/record.js';
import { type EventView, viewOf } from '../../event/view.js';
import { noSequence, type Sequence } from '../../kernel/brand.js';
import { type EventId, formatEventId } from '../../kernel/event-id.js';
import { DamageError, readFailureOf } from '../damage.js';
import type { PartitionSegments } from './partition-segments.js';
import type { NewestRecord, StoredFacts } from '../protocol.js';
import { isFinal } from '../index/segment-index.js';
import { inOneBuffer, walkSpecs } from './spec-walk.js';

export interface FinishedEvent {
  readonly event: EventId;
  /** Its final record. */
  readonly seq: Sequence;
}

/** All records of an event, oldest first: a walk along `prev` from `newest`, across segments, up to one that stands for the rest. */
export function recordsOfEvent(segments: PartitionSegments, newest: Sequence): LogRecord[] {
  const walked: LogRecord[] = [];
  for (let seq = newest, after: LogRecord | null = null; seq !== noSequence; ) {
    const record: StoredRecord = segments.record(seq);
    if (after !== null && !isSame(record.event, after.event)) throw falsePredecessor(after);
    if (record.kind === carriedKind) return [...recordsIn(record), ...walked.reverse()];
    if (record.prev >= seq) throw falsePredecessor(record);
    after = record as LogRecord;
    walked.push(after);
    seq = record.prev;
  }
  return walked.reverse();
}

/** An event as lists show it, without headers and payload; null when it is not there any more, or damaged: its own GET tells. */
export function listedView(segments: PartitionSegments, asked: NewestRecord): EventView | null {
  const records = recordsIfSound(segments, asked);
  if (records === null) return null;
  const view = viewOf(records, segments.partition);
  return { ...view, spec: { ...view.spec, headers: [], payload: null } };
}

/** Of a finished event; null as above. */
export function storedFacts(segments: PartitionSegments, asked: NewestRecord): StoredFacts | null {
  const records = recordsIfSound(segments, asked);
  if (records === null) return null;
  const { id, status, version, attempts } = viewOf(records, segments.partition);
  const spec = specIn(records.findLast((record) => specIn(record) !== null)!)!;
  return { event: id, newest: records.at(-1)!.seq, status, version, attempts, spec };
}

function recordsIfSound(segments: PartitionSegments, { event, newest }: NewestRecord): LogRecord[] | null {
  try {
    const seq = newest ?? findById(segments, event)[0]?.seq;
    if (seq === undefined) return null;
    const records = recordsOfEvent(segments, seq);
    return isSame(records[0]!.event, event) ? records : null;
  } catch (error) {
    if (readFailureOf(error, 'damaged').failure === 'io') throw error;
    return null;
  }
}

/**
 * Specs in the order asked, out of the records that carry one, read in the order of the log. A damaged one fails no other: it is
 * named in `damaged` and empty. All are views into one buffer.
 */
export function bodiesOf(
  segments: PartitionSegments,
  asked: readonly Sequence[],
): { bodies: Uint8Array<ArrayBuffer>[]; damaged: Sequence[] } {
  const bodies: Uint8Array[] = asked.map(() => nothing);
  const damaged: Sequence[] = [];
  const places = asked.map((_, place) => place).sort((one, other) => asked[one]! - asked[other]!);
  const seqs = places.map((place) => asked[place]!);
  walkSpecs(segments, { seqs, bytesMax: Number.POSITIVE_INFINITY }, (at, spec) => {
    if (spec === null) damaged.push(seqs[at]!);
    else bodies[places[at]!] = spec;
  });
  return { bodies: inOneBuffer(bodies), damaged };
}

const nothing = new Uint8Array(0);

/** The newest final record of an event in indexed segments; empty when there is none. */
export function findById(segments: PartitionSegments, event: EventId): FinishedEvent[] {
  const found: FinishedEvent[] = [];
  segments.searchIndexes({
    mayAnswer: (filter) => filter.mayHaveId(event),
    ask: (index) => {
      const seq = index.findId(event);
      if (seq === null) return 'more';
      const record = finalRecord(segments, seq);
      if (!isSame(record.event, event))
        throw new DamageError('damaged', `an index names sequence ${seq} for ${formatEventId(event)}`);
      found.push({ event: record.event, seq });
      return 'enough';
    },
  });
  return found;
}

/** Final records of events with this key tag in indexed segments, newest first. */
export function findByKey(
  segments: PartitionSegments,
  key: { readonly tagHigh: number; readonly tagLow: number },
): FinishedEvent[] {
  const found: FinishedEvent[] = [];
  segments.searchIndexes({
    mayAnswer: (filter) => filter.mayHaveKey(key),
    ask: (index) => {
      for (const seq of index.findKey(key)) found.push({ event: finalRecord(segments, seq).event, seq });
      return 'more';
    },
  });
  return found;
}

function finalRecord(segments: PartitionSegments, seq: Sequence): StoredRecord {
  const record = segments.record(seq);
  if (!isFinal(record))
    throw new DamageError('damaged', `an index names sequence ${seq}, which has kind ${record.kind} and is not final`);
  return record;
}

function falsePredecessor({ seq, prev, event }: StoredRecord): DamageError {
  return new DamageError('damaged', `sequence ${seq} of ${formatEventId(event)} has a false predecessor, ${prev}`);
}

function isSame(one: EventId, other: EventId): boolean {
  return Buffer.compare(one, other) === 0;
}
