/**
 * Specs of many events in the order of the log: for bulk changes, and for payloads that are read ahead.
 *
 * Records that lie close together are read in runs (`row-run.ts`), also when a few that nobody asked for lie between them; one that
 * stands alone is read alone. Whatever is not found in a run is looked for singly, which says what is wrong with it.
 */
import { newestSpecIn } from '../event/carried-codec.js';
import type { EventFilter } from '../event/event-filter.js';
import type { StoredRecord } from '../event/record.js';
import { TextFilter } from '../event/spec-texts.js';
import type { Sequence } from '../kernel/brand.js';
import { DamageError, readFailureOf } from './damage.js';
import type { PartitionSegments } from './partition-segments.js';
import { runRowsMax } from './row-run.js';

/** Records between two that are asked for, read along with them: as much work as reading the second one alone. */
const gapMax = 3;
/** Of one message: the host takes it in within a millisecond. */
const specBytesMax = 1024 * 1024;

/** One spec of those asked for; null: it is damaged, or not there. Null comes before the next one. */
type Visit = (place: number, spec: Uint8Array | null) => void;

/**
 * Calls `visit` for the specs at `seqs`, which rise, in order, until they come to more than `bytesMax`; for one at least. Returns how
 * many it were.
 */
export function walkSpecs(
  segments: PartitionSegments,
  { seqs, bytesMax }: { readonly seqs: readonly Sequence[]; readonly bytesMax: number },
  visit: Visit,
): number {
  let place = 0;
  let bytes = 0;
  const tell = (spec: Uint8Array | null) => {
    bytes += spec?.length ?? 0;
    visit(place++, spec);
  };
  while (place < seqs.length && bytes < bytesMax) {
    const end = runEnd(seqs, place);
    for (const record of end - place === 1 ? [] : runOf(segments, { first: seqs[place]!, last: seqs[end - 1]! })) {
      if (bytes >= bytesMax) return place;
      while (seqs[place]! < record.seq) tell(specAlone(segments, seqs[place]!));
      if (seqs[place] === record.seq) tell(newestSpecIn(record) ?? specAlone(segments, record.seq));
    }
    while (place < end && bytes < bytesMax) tell(specAlone(segments, seqs[place]!));
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
  const count = walkSpecs(segments, { seqs, bytesMax: specBytesMax }, (place, spec) => {
    matches[place] = spec !== null && texts.matches(spec) ? 1 : 0;
  });
  return matches.subarray(0, count);
}

/** The specs themselves, empty where they do not match, in one buffer. */
export function matchingSpecs(
  segments: PartitionSegments,
  { seqs, filter }: { readonly seqs: readonly Sequence[]; readonly filter: EventFilter },
): Uint8Array<ArrayBuffer>[] {
  const texts = new TextFilter(filter);
  const specs: Uint8Array[] = [];
  walkSpecs(segments, { seqs, bytesMax: specBytesMax }, (_, spec) => {
    specs.push(spec !== null && texts.matches(spec) ? spec : nothing);
  });
  return inOneBuffer(specs);
}

const nothing = new Uint8Array(0);

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

/** The place behind the run that begins at `from`. */
function runEnd(seqs: readonly Sequence[], from: number): number {
  let end = from + 1;
  while (end < seqs.length && seqs[end]! - seqs[from]! < runRowsMax && seqs[end]! - seqs[end - 1]! <= gapMax + 1) end++;
  return end;
}

/** What can be read of it. */
function runOf(
  segments: PartitionSegments,
  { first, last }: { readonly first: Sequence; readonly last: Sequence },
): StoredRecord[] {
  try {
    return segments.records(first, last + 1);
  } catch (error) {
    if (readFailureOf(error, 'damaged').failure === 'io') throw error;
    return [];
  }
}

/** Null: damaged, or no longer there. */
function specAlone(segments: PartitionSegments, seq: Sequence): Uint8Array | null {
  try {
    return expectSpec(segments.record(seq));
  } catch (error) {
    if (readFailureOf(error, 'damaged').failure === 'io') throw error;
    return null;
  }
}

function expectSpec(record: StoredRecord): Uint8Array {
  const spec = newestSpecIn(record);
  if (spec === null) throw new DamageError('damaged', `expected a spec at sequence ${record.seq}, found kind ${record.kind}`);
  return spec;
}
