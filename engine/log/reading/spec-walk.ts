/**
 * Specs of many events in the order of the log: for bulk changes, and for payloads that are read ahead.
 *
 * Records are looked for in the order of the log, so that those of one strip are found together (`segment-reader.ts`). Whatever is not found
 * so is looked for singly, which says what is wrong with it.
 */
import { newestSpecIn } from '../../event/carried-codec.js';
import type { EventFilter } from '../../event/event-filter.js';
import type { StoredRecord } from '../../event/record.js';
import { TextFilter } from '../../event/spec-texts.js';
import type { Sequence } from '../../kernel/brand.js';
import { bulkReplyBytes } from '../../kernel/limits.js';
import { readFailureOf } from '../damage.js';
import type { PartitionSegments } from './partition-segments.js';

/** Looked for with one call: what is passed over then has not been read for nothing. */
const recordsTogetherMax = 64;

/** One record of those asked for; null: it is damaged, or not there. */
type VisitRecord = (place: number, record: StoredRecord | null) => 'more' | 'enough';

/**
 * Calls `visit` for the specs at `seqs`, which rise, in order, until they come to more than `bytesMax`; for one at least. Returns how
 * many it were.
 */
export function walkSpecs(
  segments: PartitionSegments,
  { seqs, bytesMax }: { readonly seqs: readonly Sequence[]; readonly bytesMax: number },
  visit: (place: number, spec: Uint8Array | null) => void,
): number {
  let bytes = 0;
  return walkRecords(segments, seqs, (place, record) => {
    const spec = record === null ? null : specOf(record);
    bytes += spec?.length ?? 0;
    visit(place, spec);
    return bytes < bytesMax ? 'more' : 'enough';
  });
}

/** The same for the records themselves, until `enough`. */
export function walkRecords(segments: PartitionSegments, seqs: readonly Sequence[], visit: VisitRecord): number {
  let place = 0;
  const tell = (record: StoredRecord | null): boolean => visit(place++, record) === 'more';
  while (place < seqs.length) {
    const found = foundOf(segments, seqs.slice(place, place + recordsTogetherMax));
    for (const record of found) {
      while (seqs[place]! < record.seq) if (!tell(recordAlone(segments, seqs[place]!))) return place;
      if (seqs[place] === record.seq && !tell(record)) return place;
    }
    if (found.length === 0 && !tell(recordAlone(segments, seqs[place]!))) return place;
  }
  return place;
}

/** Which of these specs have the texts that a filter asks for: 1 or 0 each, for as many as are good for one message. */
export function matchesOf(
  segments: PartitionSegments,
  { seqs, filter }: { readonly seqs: readonly Sequence[]; readonly filter: EventFilter },
): Uint8Array {
  const texts = new TextFilter(filter);
  const matches = new Uint8Array(seqs.length);
  const count = walkSpecs(segments, { seqs, bytesMax: bulkReplyBytes }, (place, spec) => {
    matches[place] = spec !== null && texts.matches(spec) ? 1 : 0;
  });
  return matches.subarray(0, count);
}

/** Views into one buffer, which can be moved to another thread: cloned one by one they cost more than the reading. */
export function inOneBuffer(specs: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  let end = 0;
  for (const spec of specs) end += spec.length;
  const buffer = new ArrayBuffer(end);
  end = 0;
  return specs.map((spec) => {
    const view = new Uint8Array(buffer, end, spec.length);
    view.set(spec);
    end += spec.length;
    return view;
  });
}

/** Of the first of them those that can be read together. */
function foundOf(segments: PartitionSegments, seqs: readonly Sequence[]): StoredRecord[] {
  try {
    return segments.recordsAt(seqs);
  } catch (error) {
    if (readFailureOf(error, 'damaged').failure === 'io') throw error;
    return [];
  }
}

/** Null: damaged, or no longer there. */
function recordAlone(segments: PartitionSegments, seq: Sequence): StoredRecord | null {
  try {
    return segments.record(seq);
  } catch (error) {
    if (readFailureOf(error, 'damaged').failure === 'io') throw error;
    return null;
  }
}

/** Null: it holds none that can be read. */
export function specOf(record: StoredRecord): Uint8Array | null {
  try {
    return newestSpecIn(record);
  } catch (error) {
    readFailureOf(error, 'damaged');
    return null;
  }
}
