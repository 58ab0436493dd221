/**
 * One slice of a list of finished events, out of the indexes of all sealed segments.
 *
 * Each index is in order, and segments overlap little by `created_at` and anyhow by `scheduled_at`. So the slice ends at the
 * place that none of them reaches only after many rows, and what they have up to there is put together. Segments that begin
 * behind that place are not asked: none at all, mostly, when memory has so many of the first that only what comes before these is wanted.
 */
import { tagOfKey } from '../../event/content.js';
import {
  comparePlaces,
  type ListCoverage,
  ListEntries,
  type ListPlace,
  type ListSpan,
  createdAtMsOf,
} from '../../event/event-list.js';
import type { Sequence } from '../../kernel/brand.js';
import { externalIdMatchesMax } from '../../kernel/limits.js';
import type { ListedEnds } from '../index/listed-finals.js';
import { textOf } from '../index/listed-finals.js';
import type { PartitionSegments } from './partition-segments.js';

/** Rows gone over in one slice, over all segments: about 3 ms of the reader. */
const sliceRows = 16_384;
/** Of one segment at least, however many overlap. */
const segmentRowsMin = 256;

export interface FinishedSlice {
  readonly entries: Uint8Array;
  readonly coverage: Exclude<ListCoverage, 'nothing'>;
}

interface Overlapping {
  readonly first: Sequence;
  readonly ends: NonNullable<ListedEnds>;
}

interface SliceOfFinals {
  readonly rows: readonly ListPlace[];
  readonly coverage: FinishedSlice['coverage'];
}

export function listFinished(segments: PartitionSegments, query: ListSpan): FinishedSlice {
  const { rows, coverage } = sliceOfFinals(segments, query);
  return { entries: entriesOf(rows), coverage };
}

function sliceOfFinals(segments: PartitionSegments, query: ListSpan): SliceOfFinals {
  const text = textOf(query.filter);
  if (text !== null) return listByText(segments, { text, query });
  const direction = query.order === 'asc' ? 1 : -1;
  const compare = (one: ListPlace, other: ListPlace) => direction * comparePlaces(one, other);
  const relevant = overlapping(segments, query);
  let { until } = query;
  const rowsMax = Math.max(segmentRowsMin, Math.floor(sliceRows / Math.max(1, relevant.length)));
  const asked: Overlapping[] = [];
  for (const segment of relevant) {
    const begins = query.order === 'asc' ? segment.ends.first : segment.ends.last;
    if (until !== null && compare(begins, until) > 0) break;
    asked.push(segment);
    const place = segments.withIndex(segment.first, (index) => index.listed.placeBehind({ ...query, until }, rowsMax));
    if (place !== null && (until === null || compare(place, until) < 0)) until = place;
  }
  const rows: ListPlace[] = [];
  for (const { first } of asked) {
    const found = segments.withIndex(first, (index) => index.listed.rows({ ...query, until, limit: query.limit + 1 }));
    rows.push(...(found ?? []));
  }
  rows.sort(compare);
  const isCut = rows.length > query.limit;
  const taken = isCut ? rows.slice(0, endOfCut(rows, query.limit)) : rows;
  const coverage = isCut ? taken.at(-1)! : until;
  const isEnd = coverage === null || (!isCut && until === query.until);
  return { rows: taken, coverage: isEnd ? 'end' : { ms: coverage.ms, id: coverage.id } };
}

/** An event may stand in several segments, at one place: whoever goes on behind it has seen all of them. */
function endOfCut(rows: readonly ListPlace[], limit: number): number {
  let end = limit;
  while (end < rows.length && comparePlaces(rows[end]!, rows[end - 1]!) === 0) end++;
  return end;
}

/** Segments with something behind `after`, in the order in which they begin. */
function overlapping(segments: PartitionSegments, { sort, order, after }: ListSpan): Overlapping[] {
  const found: Overlapping[] = [];
  for (const { name } of segments.sealed()) {
    const ends = segments.listedEnds(name.first, sort);
    if (ends === null) continue;
    const isBefore =
      after !== null && (order === 'asc' ? comparePlaces(ends.last, after) <= 0 : comparePlaces(ends.first, after) >= 0);
    if (!isBefore) found.push({ first: name.first, ends });
  }
  return found.sort((one, other) =>
    order === 'asc' ? comparePlaces(one.ends.first, other.ends.first) : comparePlaces(other.ends.last, one.ends.last),
  );
}

/** Events with one external job id: few, so all of them at once, by the table of keys. Sorted by `created_at`. */
function listByText(segments: PartitionSegments, { text, query }: { text: number; query: ListSpan }): SliceOfFinals {
  const rows: ListPlace[] = [];
  const { source, externalJobId } = query.filter;
  const keys = source?.map((each) => tagOfKey({ kind: 'external', source: each, text: externalJobId! })) ?? null;
  segments.searchIndexes({
    mayAnswer: (filter) =>
      keys?.some(({ high, low }) => filter.mayHaveKey({ tagHigh: high, tagLow: low })) ?? filter.mayHaveText(text),
    ask: (index) => {
      for (const seq of index.findText(text, externalIdMatchesMax)) {
        const { event } = segments.record(seq);
        rows.push({ ms: createdAtMsOf(event, 0), id: event.slice() });
      }
      return rows.length < externalIdMatchesMax ? 'more' : 'enough';
    },
  });
  const direction = query.order === 'asc' ? 1 : -1;
  const behind = rows.filter((row) => query.after === null || direction * comparePlaces(row, query.after) > 0);
  return { rows: behind, coverage: 'end' };
}

function entriesOf(rows: readonly ListPlace[]): Uint8Array {
  const entries = new ListEntries(rows.length);
  for (const { ms, id } of rows) entries.add(ms, id);
  return entries.bytes;
}
