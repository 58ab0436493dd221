/**
 * What a bulk retry needs of finished events, read in the order of the log: pages of `retried` records (`retry-sheaf.ts`).
 *
 * Those that memory knows and those that indexes know differ in who names them; of both only the specs are missing. Indexes are gone through segment
 * by segment. An event that has finished once more in a later segment is met there.
 */
import type { EventFilter } from '../../event/event-filter.js';
import type { StoredRecord } from '../../event/record.js';
import { TextFilter } from '../../event/spec-texts.js';
import { noSequence, type Sequence } from '../../kernel/brand.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import { bulkReplyBytes, indexedFinalsMax } from '../../kernel/limits.js';
import { type KnownFinal, KnownFinals, knownIn } from '../index/known-finals.js';
import { textOf } from '../index/listed-finals.js';
import type { PartitionSegments } from './partition-segments.js';
import type { RetriablePlace } from '../protocol.js';
import { RetrySheafBuilder } from '../retry-sheaf.js';
import { specOf, walkRecords } from './spec-walk.js';

/** Rows of an index gone over for one page, whether they pass the filter or not: 0.5 ms. */
const sliceRows = 4_096;
/** Indexes looked into for one page; one may have to be opened, 0.2 ms. */
const sliceIndexes = 8;

const builder = new RetrySheafBuilder();
const named = new KnownFinals(indexedFinalsMax);

/** Of the first of `known`, as many as are good for one message, those that match; one whose spec is damaged, or gone, is left out. */
export function retriesOfKnown(
  segments: PartitionSegments,
  { known, filter }: { readonly known: Uint8Array; readonly filter: EventFilter },
): { readonly sheaf: Uint8Array<ArrayBuffer>; readonly looked: number } {
  const finals = knownIn(known);
  const texts = new TextFilter(filter);
  const seqs = finals.map(({ bodySeq }) => bodySeq);
  let bytes = 0;
  const looked = walkRecords(segments, seqs, (place, record) => {
    const spec = record !== null && isAbout(record, finals[place]!) ? specOf(record) : null;
    bytes += spec?.length ?? 0;
    if (spec !== null && texts.matches(spec)) builder.append(finals[place]!, spec);
    return bytes < bulkReplyBytes ? 'more' : 'enough';
  });
  return { sheaf: builder.take(), looked };
}

/** The next ones behind `after` of those that indexes know, each with its newest final. */
export function finalsOfIndexed(
  segments: PartitionSegments,
  { filter, after }: { readonly filter: EventFilter; readonly after: RetriablePlace | null },
): { readonly known: Uint8Array<ArrayBuffer>; readonly until: RetriablePlace | 'end' } {
  const text = textOf(filter);
  let indexes = 0;
  for (const { name } of segments.sealed()) {
    const { first } = name;
    if (after !== null && first < after.segment) continue;
    if (text !== null && !segments.mayHaveText(first, text)) continue;
    if (++indexes > sliceIndexes) return { known: named.take(), until: { segment: first, bodySeq: noSequence } };
    const behind = after?.segment === first ? after.bodySeq : noSequence;
    const page = segments.withIndex(first, ({ retriable }) =>
      retriable.page({ filter, after: behind, rowsMax: sliceRows, limit: indexedFinalsMax }),
    );
    for (const final of page?.finals ?? []) if (!segments.isSuperseded(final.newest)) named.add(final);
    if (page !== null && page.until !== null) return { known: named.take(), until: { segment: first, bodySeq: page.until } };
    // A page is of one segment, so that its specs lie as close together as they can.
    if (named.count > 0) return { known: named.take(), until: { segment: first, bodySeq: lastSequence } };
  }
  return { known: named.take(), until: 'end' };
}

/** Behind all of a segment. */
const lastSequence = Number.MAX_SAFE_INTEGER as Sequence;

/** What an index says of a record is checked against the record. */
function isAbout({ event }: StoredRecord, { ids, idAt }: KnownFinal): boolean {
  for (let byte = 0; byte < eventIdBytes; byte++) if (event[byte] !== ids[idAt + byte]) return false;
  return true;
}
