/**
 * How many finished events of a source or type the indexes know, by state and delivery type: sums that were made when each
 * index was built, so it costs as much as there are segments.
 *
 * An event that an operator has put back and that finished again stands in two indexes; the later one says what it takes from
 * the earlier one. One that is in memory now is named by the asker, and its newest final is taken away.
 */
import { addTally, emptyTally, type LabelHashes, type Tally, tallyPlace } from '../../event/label-filter.js';
import { eventStatuses } from '../../event/status.js';
import { deliveryTypes } from '../../event/spec.js';
import { viewOf } from '../../event/view.js';
import type { Sequence } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import { recordsOfEvent } from './event-lookup.js';
import type { PartitionSegments } from './partition-segments.js';

export interface TallyQuestion {
  readonly labels: LabelHashes;
  /** Where the segments open whose indexes are asked. */
  readonly indexed: readonly Sequence[];
  readonly doubtful: readonly EventId[];
}

export function tallyOf(segments: PartitionSegments, { labels, indexed, doubtful }: TallyQuestion): Tally {
  const tally = emptyTally();
  const asked = new Set(indexed);
  const isCounted = (seq: number) => {
    const name = segments.names.findLast(({ first }) => first <= seq);
    return name !== undefined && asked.has(name.first) && segments.hasIndex(name.first);
  };
  for (const first of indexed) {
    const sums = segments.withIndex(first, (index) => index.listed.tally(labels));
    if (sums === null) continue;
    addTally(tally, sums.finished);
    for (const { seq, status, deliveryType } of sums.superseded) if (isCounted(seq)) tally[tallyPlace(status, deliveryType)]!--;
  }
  for (const event of doubtful) {
    const final = newestOf(segments, { event, indexed });
    if (final === null) continue;
    const { status, spec } = viewOf(recordsOfEvent(segments, final), segments.partition);
    tally[tallyPlace(eventStatuses.indexOf(status), deliveryTypes.indexOf(spec.deliveryType))]!--;
  }
  return tally;
}

/** The newest final record of an event in these segments. */
function newestOf(
  segments: PartitionSegments,
  { event, indexed }: { readonly event: EventId; readonly indexed: readonly Sequence[] },
): Sequence | null {
  for (const first of indexed.toReversed()) {
    const seq = segments.withIndex(first, (index) => index.findId(event));
    if (seq !== null) return seq;
  }
  return null;
}
