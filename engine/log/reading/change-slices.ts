/**
 * Status changes of the past, from the log: for whoever has to go on from an earlier place.
 *
 * A record says what happened, but not the how-manieth change of its event it was, nor the event's labels; those come from the
 * records before it, by the walk along `prev`. To walk once for each event instead of once for each record, the reader remembers how
 * the events stood that it has just passed: whoever reads on meets them again.
 *
 *     log      1 accepted A   2 accepted B   3 dispatched A   4 delivered A
 *     told     A v1           B v1           A v2             A v3
 *     known    1: A v1        2: B v1        3: A v2 (for 1)  - (A has finished)
 *
 * A slice is bounded in records, in rows read for it and in bytes, so that reads for attempts and answers, which take turns with it
 * on the reader's thread, wait a few milliseconds at most. A record that cannot be read, or whose event cannot be told because one
 * before it cannot be read, is passed over, and the slice says so by where it begins: nothing is skipped in silence.
 *
 * Owned by the reader's thread.
 */
import { recordsIn } from '../../event/carried-codec.js';
import { carriedKind, isAboutEvent, type LogRecord, type StoredRecord } from '../../event/record.js';
import { isFinished } from '../../event/status.js';
import { specIn } from '../../event/renewal-codec.js';
import {
  bareChangeOf,
  type ChangeSlice,
  type Labels,
  labelsOf,
  type Standing,
  standingAfter,
  type StatusChange,
} from '../../event/status-change.js';
import { noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { invariant } from '../../kernel/errors.js';
import {
  changeSliceBytesMax,
  changeSliceRecordsMax,
  changeSliceRowsMax,
  knownStandingsMax,
  partitionsMax,
} from '../../kernel/limits.js';

/** The log of one partition, as far as it can be read. */
export interface RecordSource {
  readonly partition: PartitionId;
  /** What is before has been removed. */
  readonly first: Sequence;
  /** Verified. Throws when it is damaged or not there. */
  record(seq: Sequence): StoredRecord;
  /** Whether what `record` threw means that this record cannot be read, now and later. */
  isDamage(error: unknown): boolean;
}

interface Known extends Standing {
  readonly labels: Labels;
}

interface Budget {
  rows: number;
  bytes: number;
}

export class ChangeSlices {
  /** How events stood at one of their records; the oldest entry comes first. */
  readonly #known = new Map<number, Known>();

  /** Changes of the records behind `after`, up to `upTo`, which must be durable. Not all of them, but at least one record. */
  read(source: RecordSource, { after, upTo }: { readonly after: Sequence; readonly upTo: Sequence }): ChangeSlice {
    const begin = Math.min(Math.max(after, source.first - 1), upTo) as Sequence;
    const end = Math.min(upTo, begin + changeSliceRecordsMax);
    const budget: Budget = { rows: changeSliceRowsMax, bytes: changeSliceBytesMax };
    const changes: StatusChange[] = [];
    let through = begin;
    while (through < end && budget.rows > 0 && budget.bytes > 0) {
      const seq = (through + 1) as Sequence;
      const change = this.#tell(source, { seq, budget });
      if (change === 'unreadable') {
        if (through === begin) return { after: seq, through: seq, changes: [] };
        break;
      }
      if (change !== null) changes.push(change);
      through = seq;
    }
    return { after: begin, through, changes };
  }

  /** Null: the record is no change of an event. */
  #tell(source: RecordSource, { seq, budget }: { seq: Sequence; budget: Budget }): StatusChange | 'unreadable' | null {
    try {
      const { partition } = source;
      const record = readWithin(source, { seq, budget });
      if (!isAboutEvent(record)) return null;
      const standing = this.#standingAt(source, { record, budget });
      const { labels } = standing;
      const change = { ...bareChangeOf(record, { partition, standing }), ...labels };
      if (!isFinished(change.status)) this.#remember(keyOf(partition, seq), standing);
      return change;
    } catch (error) {
      if (source.isDamage(error)) return 'unreadable';
      throw error;
    }
  }

  /** Back to a record whose standing is known, or to the first; then forward again. */
  #standingAt(source: RecordSource, { record, budget }: { record: LogRecord; budget: Budget }): Known {
    const walked = [record];
    let known: Known | null = null;
    for (let { prev } = record; prev !== noSequence; ) {
      known = this.#known.get(keyOf(source.partition, prev)) ?? null;
      if (known !== null) break;
      const before = readWithin(source, { seq: prev, budget });
      if (before.kind === carriedKind) {
        walked.push(...recordsIn(before).reverse());
        break;
      }
      invariant(
        isAboutEvent(before) && before.prev < prev,
        () => `partition ${source.partition}: sequence ${prev} is no record of an event, or follows ${before.prev}`,
      );
      walked.push(before);
      prev = before.prev;
    }
    for (const each of walked.reverse()) {
      const spec = specIn(each);
      const labels: Labels = spec === null ? known!.labels : labelsOf(spec);
      known = { ...standingAfter(each, known), labels };
    }
    return known!;
  }

  #remember(key: number, standing: Known): void {
    this.#known.set(key, standing);
    if (this.#known.size <= knownStandingsMax) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest!);
  }
}

function readWithin(source: RecordSource, { seq, budget }: { seq: Sequence; budget: Budget }): StoredRecord {
  const record = source.record(seq);
  budget.rows--;
  budget.bytes -= record.body.length;
  return record;
}

/** One number for both: sequences stay below 2^43. */
function keyOf(partition: PartitionId, seq: Sequence): number {
  return seq * partitionsMax + partition;
}
