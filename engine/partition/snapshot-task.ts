/**
 * Pool task: a snapshot of a partition at a durable position, made from the snapshot before it and the records since, by the
 * same `apply` as everywhere. The actor is not asked and does not pause.
 *
 * While a task waited for its turn, retention may have removed a segment whose events were carried forward behind that position, or the
 * position itself, and the snapshot before may be damaged. Then the snapshot is of where they have come: they were durable before the removal.
 *
 * It has time: the thread steps back behind all others, so that on a busy machine it works with what they leave.
 */
import type { Sequence } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { HandleCache } from '../log/reading/handle-cache.js';
import { readBeginning } from '../log/segment/log-beginning.js';
import { logStart } from '../log/segment/mark.js';
import { PartitionSegments } from '../log/reading/partition-segments.js';
import type { SnapshotTask } from '../log/protocol.js';
import { RecordCursor } from '../log/record-batch.js';
import { Replay } from '../log/reading/replay.js';
import { partitionDir } from '../log/segment/segment-files.js';
import { SegmentFilter } from '../log/index/segment-filter.js';
import type { SegmentIndex } from '../log/index/segment-index.js';
import type { SegmentReader } from '../log/segment/segment-reader.js';
import { chooseSnapshot } from '../log/snapshot/snapshot-choice.js';
import { writeSnapshot } from '../log/snapshot/snapshot-file.js';
import { SnapshotIntake, sectionsOf, snapshotForm } from './snapshot.js';
import { PartitionState } from './state.js';

/** Segments open at once. */
const readersMax = 4;

/** Rejects with what is wrong when the log is damaged or ends before `upTo`; then there is no snapshot, and nobody is the worse. */
export async function takeSnapshot(task: SnapshotTask): Promise<void> {
  const dir = partitionDir(task.dataDir, task.partition);
  const beginning = readBeginning(dir);
  try {
    takeOnce(task);
  } catch (error) {
    if (readBeginning(dir) === beginning) throw error;
    // What was read has been removed meanwhile; what is left holds all that is needed.
    takeOnce(task);
  }
}

function takeOnce({ dataDir, partition, upTo: asked }: SnapshotTask): void {
  const readers = new HandleCache<SegmentReader>(readersMax);
  const indexes = new HandleCache<SegmentIndex>(1);
  try {
    const segments = new PartitionSegments({ dataDir, partition, readers, indexes });
    // All that was asked about may have been removed.
    const upTo = Math.max(asked, segments.first) as Sequence;
    const finalsFrom = segments.names.findLast(({ first }) => first <= upTo)?.first;
    invariant(finalsFrom !== undefined, () => `partition ${partition}: the log does not reach ${upTo}`);
    const state = stateAt(segments, { upTo, finalsFrom });
    const seq = state.lastSeq;
    const chain = segments.chainAt(seq);
    invariant(chain !== null, () => `partition ${partition}: the log does not reach ${seq}`);
    const header = { form: snapshotForm, partition, position: { seq, chain }, finalsFrom };
    writeSnapshot(segments.dir, { header, sections: sectionsOf(state, finalsFrom) });
  } finally {
    readers.close();
    indexes.close();
  }
}

/** In the place of an index: nothing is asked here, and nothing need be remembered. */
const noFilter = SegmentFilter.for({ ids: 0, keys: 0 }).words;

function stateAt(
  segments: PartitionSegments,
  { upTo, finalsFrom }: { readonly upTo: Sequence; readonly finalsFrom: Sequence },
): PartitionState {
  const state = new PartitionState(segments.partition, { isAsked: false });
  const { snapshot } = chooseSnapshot(segments, { form: snapshotForm, withoutIndexes: true });
  try {
    const usable = snapshot !== null && snapshot.header.position.seq <= upTo ? snapshot : null;
    if (usable !== null) {
      const intake = new SnapshotIntake(state);
      for (let section = usable.next(); section !== null; section = usable.next()) intake.take(section);
    }
    state.layOut(segments.outline().map((segment) => ({ ...segment, filter: segment.first < finalsFrom ? noFilter : null })));
    // What the mark says is for the reader to judge; here the log is read only up to what is durable.
    const replay = new Replay(segments, { mark: logStart, from: usable?.header.position ?? segments.beginning });
    const isThere = (): boolean => state.lastSeq >= upTo && state.isWhole;
    for (let batch = replay.next(); batch !== null && !isThere(); batch = replay.next()) {
      const cursor = new RecordCursor(batch);
      while (!isThere() && cursor.next()) state.applyAt(cursor);
    }
    invariant(state.lastSeq >= upTo, () => `partition ${segments.partition}: the log ends at ${state.lastSeq}, expected ${upTo}`);
    return state;
  } finally {
    snapshot?.close();
  }
}
