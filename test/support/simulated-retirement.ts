/** What a simulated reader does for retention: as `engine/log/reading/retirement.ts`, on the simulated disk. */
import { encodeCarried } from '../../engine/event/carried-codec.js';
import { carriedKind, isAboutEvent, noEvent } from '../../engine/event/record.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import type { EventId } from '../../engine/kernel/event-id.js';
import type { Bundle, BundleQuestion } from '../../engine/log/protocol.js';
import { isFinal } from '../../engine/log/index/segment-index.js';
import type { SimulatedLog } from './simulated-disk.js';

/** The oldest segment, if it ended before `endedBefore` and has an index. */
export function outdatedSegment(log: SimulatedLog, endedBefore: number): { first: Sequence; next: Sequence } | null {
  const [oldest, following] = log.segments;
  if (oldest === undefined || following === undefined || oldest.filter === null || following.beganMs > endedBefore) return null;
  return { first: oldest.first, next: following.first };
}

/** Events with a record in the segment that were not over at its end, in the order of their ids. */
export function notOver(
  log: SimulatedLog,
  { first, after, limit }: { first: Sequence; after: EventId; limit: number },
): EventId[] {
  const events = new Map<string, EventId>();
  for (const record of log.records(first, log.nextOf(first) - first)) {
    if (Buffer.compare(record.event, noEvent) === 0) continue;
    events.set(Buffer.from(record.event).toString('hex'), record.event);
  }
  const sorted = [...events.values()].sort((one, other) => Buffer.compare(one, other));
  return sorted.filter((event) => Buffer.compare(event, after) > 0).slice(0, limit);
}

export function bundlesOf(
  log: SimulatedLog,
  { events, before }: { readonly events: readonly BundleQuestion[]; readonly before: Sequence },
): (Bundle | null)[] {
  // Not all of them, now and then: as if their bytes were many.
  return events.slice(0, 1 + (log.last % 5)).map(({ event, newest }) => {
    const last = newest ?? newestFinal(log, event);
    if (newest === null && last < before) return null;
    const records = log.history(last);
    return records[0]!.seq >= before ? null : { event, newest: last, body: encodeCarried(records) };
  });
}

function newestFinal(log: SimulatedLog, event: EventId): Sequence {
  let newest = 0 as Sequence;
  for (const { first, filter } of log.segments) {
    if (filter === null) continue;
    for (const record of log.records(first, log.nextOf(first) - first)) {
      if (!isAboutEvent(record) && record.kind !== carriedKind) continue;
      if (isFinal(record) && Buffer.compare(record.event, event) === 0) newest = record.seq;
    }
  }
  return newest;
}
