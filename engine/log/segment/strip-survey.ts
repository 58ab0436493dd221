/**
 * A strip looked through for damage: which of its records are what was written, whatever else in the row is not.
 *
 * What a place says can be told by others as well: a record begins where the one before ends, and says itself how long it is; the
 * last place says how many there are; and each record says its sequence. So a flipped bit in one of these numbers loses no record, and in a
 * record loses only that.
 */
import { eventIdBytes } from '../../kernel/event-id.js';
import type { LogRecord } from '../../event/record.js';
import type { Sequence } from '../../kernel/brand.js';
import { crcOf } from '../checksum.js';
import { recordHeadBytes, recordIn, seqIn } from '../record-batch.js';
import { countAt, placeBytes, Strip, stripHeadBytes } from './strip.js';

/** A record as it is stored, for those who look at damage. */
export interface SurveyedRecord {
  readonly seq: Sequence;
  /** Unverified: it is what was written if `crc` and `sum` are the same. Null when nothing in its place is laid out like a record. */
  readonly record: LogRecord | null;
  /** As stored. */
  readonly crc: number;
  /** Of the record as it is. */
  readonly sum: number | null;
  /** As stored. */
  readonly chain: number;
  /** As stored, and perhaps what is damaged; null when there is no record. */
  readonly event: Uint8Array | null;
}

export interface SurveyedStrip {
  readonly first: Sequence;
  /** Of a row that is no strip at all: `first`, which is all that is known of it. */
  readonly last: Sequence;
  readonly records: readonly SurveyedRecord[];
  /** Its records and their sums are sound, and something else in the row is not. */
  readonly isDoubtful: boolean;
  readonly bytes: number;
}

export function surveyStrip(first: Sequence, content: unknown): SurveyedStrip {
  const strip = Strip.of(first, content) ?? likeliest(first, content);
  const bytes = content instanceof Uint8Array ? content.length : 0;
  if (strip === null) return { first, last: first, records: [], isDoubtful: false, bytes };
  const spans = spansOf(strip);
  const own = ownFirst(strip, spans);
  const records = spans.map((span, place) => surveyed(strip, { place, span, seq: (own + place) as Sequence }));
  const areSound = records.every(({ crc, sum }) => crc === sum);
  const last = (own + strip.count - 1) as Sequence;
  const isWhole = own === first && strip.isWhole && Strip.of(first, content) !== null;
  return { first: own, last, records, isDoubtful: areSound && !isWhole, bytes };
}

/** Where a record is in the strip's bytes. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** The last place says where the records end, and the places begin there; if that makes no sense, it is what is damaged. */
function likeliest(first: Sequence, content: unknown): Strip | null {
  if (typeof first !== 'number' || !(content instanceof Uint8Array) || content.length < stripHeadBytes + placeBytes) return null;
  const bytes = new Uint8Array(content.buffer, content.byteOffset, content.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = (bytes.length - stripHeadBytes - view.getUint32(bytes.length - placeBytes, true)) / placeBytes;
  const byLast = Number.isInteger(count) ? Strip.withCount(first, { bytes, count }) : null;
  return byLast ?? Strip.unchecked(first, { bytes, count: view.getUint32(countAt, true) });
}

/** By what its place says, or by what the record says itself, whichever bears its checksum. */
function spansOf(strip: Strip): Span[] {
  const { bytes, count } = strip;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const recordsEnd = bytes.length - placeBytes * count;
  const spans: Span[] = [];
  let behindLast = stripHeadBytes;
  for (let place = 0; place < count; place++) {
    const said = { from: stripHeadBytes + strip.startOf(place), to: stripHeadBytes + strip.endOf(place) };
    const ownEnd =
      behindLast + recordHeadBytes <= recordsEnd ? behindLast + recordHeadBytes + view.getUint32(behindLast, true) : 0;
    const tried = [said, { from: behindLast, to: ownEnd }, { from: behindLast, to: said.to }].filter(
      ({ from, to }) => to - from >= recordHeadBytes && to <= recordsEnd,
    );
    const found = tried.find(({ from, to }) => crcOf(bytes.subarray(from, to)) === strip.storedCrcOf(place)) ?? tried[0] ?? said;
    spans.push(found);
    behindLast = found.to;
  }
  return spans;
}

/** What the row says, unless no record that bears its checksum agrees. */
function ownFirst(strip: Strip, spans: readonly Span[]): Sequence {
  const { bytes, first } = strip;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let other: Sequence | null = null;
  for (const [place, { from, to }] of spans.entries()) {
    if (to - from < recordHeadBytes || crcOf(bytes.subarray(from, to)) !== strip.storedCrcOf(place)) continue;
    const said = (seqIn(view, from) - place) as Sequence;
    if (said === first) return first;
    other ??= said;
  }
  return other ?? first;
}

function surveyed(
  strip: Strip,
  { place, span, seq }: { readonly place: number; readonly span: Span; readonly seq: Sequence },
): SurveyedRecord {
  const { bytes } = strip;
  const crc = strip.storedCrcOf(place);
  const chain = strip.storedChainOf(place);
  const isRecord = span.to - span.from >= recordHeadBytes && span.to <= bytes.length;
  if (!isRecord) return { seq, record: null, crc, sum: null, chain, event: null };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const record = recordIn(bytes, view, span) as LogRecord;
  const event = record.event.slice(0, eventIdBytes);
  // Another record than the one that belongs here.
  if (record.seq !== seq) return { seq, record: null, crc, sum: null, chain, event };
  return { seq, record, crc, sum: crcOf(bytes.subarray(span.from, span.to)), chain, event };
}
