/**
 * Segments that have outlived the retention: which one is next, what must be carried forward out of it, and its removal.
 *
 * Only ever the oldest segment, and only when the one behind it is older than the retention: then everything that finished in it
 * has been kept long enough. What was *not over* at its end (its index names these events) may be pending still, or may have
 * finished in a later segment that is kept, perhaps for the second time: each of them is carried forward, so that whatever has a
 * record in a segment that is there can be read whole.
 *
 * Removal is one write of `beginning` (`log-beginning.ts`); the files behind it are then nobody's. Owned by the reader's thread.
 */
import { rmSync } from 'node:fs';
import { encodeCarried } from '../../event/carried-codec.js';
import { noSequence, type Sequence, type WallMs } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import { findById, recordsOfEvent } from './event-lookup.js';
import { writeBeginning } from '../segment/log-beginning.js';
import type { PartitionSegments, SealedSegment } from './partition-segments.js';
import type { Bundle, BundleQuestion } from '../protocol.js';
import { listIndexes, listSegments, listSnapshots } from '../segment/segment-files.js';

/** Bundles of one answer: a few milliseconds of the reader. */
const bundleBytesMax = 512 * 1024;

/** The oldest segment, if it ended before `endedBefore`; null: not yet. */
export function outdatedSegment(segments: PartitionSegments, endedBefore: WallMs): SealedSegment | null {
  const [oldest, following] = segments.sealed();
  if (oldest === undefined || !segments.hasIndex(oldest.name.first)) return null;
  const next = following?.name ?? segments.open!;
  return segments.readerOf(next).header.createdAt <= endedBefore ? oldest : null;
}

/** Each in a bundle, as far as there is room; null for one that reaches back no further than `before`, or did not go on behind it. */
export function bundlesOf(
  segments: PartitionSegments,
  { events, before }: { readonly events: readonly BundleQuestion[]; readonly before: Sequence },
): (Bundle | null)[] {
  const bundles: (Bundle | null)[] = [];
  let bytes = 0;
  for (const { event, newest } of events) {
    const last = newest ?? findById(segments, event)[0]?.seq ?? noSequence;
    const isOver = newest === null && last < before;
    const bundle = isOver ? null : bundleOf(segments, { event, newest: last, before });
    bundles.push(bundle);
    bytes += bundle?.body.length ?? 0;
    if (bytes >= bundleBytesMax) break;
  }
  return bundles;
}

function bundleOf(
  segments: PartitionSegments,
  { event, newest, before }: { readonly event: EventId; readonly newest: Sequence; readonly before: Sequence },
): Bundle | null {
  const records = recordsOfEvent(segments, newest);
  if (records[0]!.seq >= before) return null;
  return { event, newest, body: encodeCarried(records) };
}

/**
 * Segments that end before `first` are gone when it returns, also for a start after a crash at any point of it. `first` opens a segment where it was
 * decided; a copy of the log on another node may have been cut elsewhere after a failure, and keeps a little more.
 */
export function removeBefore(segments: PartitionSegments, first: Sequence): void {
  const kept = segments.names.findLast((name) => name.first <= first);
  // It has removed more than that before.
  if (kept === undefined) return;
  writeBeginning(segments.dir, kept.first);
  segments.refresh();
  sweepBefore(segments.dir, kept.first);
}

/** Files that nobody looks at any more: of segments that were removed, also by a process that did not get to their files. */
export function sweepBefore(dir: string, first: Sequence): void {
  const remove = (path: string) => rmSync(path, { force: true });
  for (const name of listIndexes(dir)) if (name.first < first) remove(name.path);
  for (const name of listSnapshots(dir)) if (name.seq < first - 1) remove(name.path);
  for (const name of listSegments(dir)) {
    if (name.first >= first) continue;
    for (const suffix of ['-wal', '-shm', '']) remove(name.path + suffix);
  }
}
