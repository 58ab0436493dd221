/**
 * What a bulk retry needs of finished events, read in the order of the log: pages of `retried` records (`retry-sheaf.ts`).
 *
 * Of events that memory still knows only the specs are missing. Of those that indexes know, everything is (`endings.ts`), so they are named
 * first and read when the actor has said which are pending again: a call that goes on where another one ended would otherwise read all that was put
 * back before it. An event that has finished once more in a later segment is met there.
 */
import { type EventFilter, matchesSpec } from '../event/event-filter.js';
import type { ListPlace } from '../event/event-list.js';
import { decodeSpec } from '../event/spec-codec.js';
import { TextFilter } from '../event/spec-texts.js';
import { bulkReplyBytes, indexedFinalsMax } from '../kernel/limits.js';
import { endingsOf } from './endings.js';
import { findById } from './event-lookup.js';
import { sliceOfFinals } from './finished-list.js';
import { finalsIn, layOutFinals } from './indexed-finals.js';
import type { PartitionSegments } from './partition-segments.js';
import { knownIn, RetrySheafBuilder } from './retry-sheaf.js';
import { walkSpecs } from './spec-walk.js';

/** Rows of indexes gone over for one page, whether they pass the filter or not: 0.2 ms. */
const sliceRows = 4_096;

const builder = new RetrySheafBuilder();

/** Of the first of `known`, as many as are good for one message: those that match. */
export function retriesOfKnown(
  segments: PartitionSegments,
  { known, filter }: { readonly known: Uint8Array; readonly filter: EventFilter },
): { readonly sheaf: Uint8Array<ArrayBuffer>; readonly looked: number } {
  const finals = knownIn(known);
  const texts = new TextFilter(filter);
  const seqs = finals.map(({ bodySeq }) => bodySeq);
  const looked = walkSpecs(segments, { seqs, bytesMax: bulkReplyBytes }, (place, spec) => {
    if (spec !== null && texts.matches(spec)) builder.append(finals[place]!, spec);
  });
  return { sheaf: builder.take(), looked };
}

/** The next ones behind `after` of those that indexes know, in the order of their ids: each with its newest final. */
export function finalsOfIndexed(
  segments: PartitionSegments,
  { filter, after }: { readonly filter: EventFilter; readonly after: ListPlace | null },
): { readonly finals: Uint8Array<ArrayBuffer>; readonly coverage: ListPlace | 'end' } {
  const query = { filter, sort: 'created_at', order: 'asc', after, limit: indexedFinalsMax } as const;
  const { rows, coverage } = sliceOfFinals(segments, query, sliceRows);
  // Those with an external id are found by its tag alone, all finals of an event of them.
  const isByTag = filter.externalJobId !== null;
  const newest = rows.filter((row) => (isByTag ? findById(segments, row.id)[0]?.seq === row.seq : !segments.hasLaterFinal(row)));
  return { finals: layOutFinals(newest), coverage };
}

export function retriesOfFinals(
  segments: PartitionSegments,
  { filter, finals }: { readonly filter: EventFilter; readonly finals: Uint8Array },
): { readonly sheaf: Uint8Array<ArrayBuffer> } {
  const texts = new TextFilter(filter);
  for (const ending of endingsOf(segments, finalsIn(finals))) {
    const { spec, status } = ending;
    if (spec === null || !(filter.status?.includes(status) ?? true) || !texts.matches(spec)) continue;
    if (filter.externalJobId === null || matchesSpec(filter, decodeSpec(spec))) builder.append(ending, spec);
  }
  return { sheaf: builder.take() };
}
