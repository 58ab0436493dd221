/**
 * Pool task: verify a sealed segment and build its index. The main thread runs it when the reader asks.
 *
 * On the way the segment becomes one file: its -wal is folded in and its journal mode set back, so that reading it takes
 * one descriptor instead of three and a copy of it is a copy of all of it. That needs the file alone for a moment; when a
 * reader has it open just then, it stays as it is, which costs nothing but the descriptors.
 */
import type { StoredRecord } from '../event/record.js';
import { invariant } from '../kernel/errors.js';
import { HandleCache } from './reading/handle-cache.js';
import { unlessRemoved } from './segment/log-beginning.js';
import { PartitionSegments } from './reading/partition-segments.js';
import type { SegmentTask } from './protocol.js';
import { runCheckpoint } from './segment/segment.js';
import { buildIndex, type SegmentIndex } from './index/segment-index.js';
import { partitionDir, type SegmentName } from './segment/segment-files.js';
import type { SegmentReader } from './segment/segment-reader.js';
import { openDatabase, storageFaultOf } from './sqlite.js';

/** Segments open at once while tags are followed into older ones. */
const readersMax = 8;
/** How long to wait for readers before the file is left in WAL mode. */
const aloneMs = 200;

/**
 * Rejects with what is wrong when the segment is damaged; then there is no index, and the log is none the worse. A segment that was removed meanwhile is in order:
 * in a cluster the owner says what goes, whatever is done with a copy of it.
 */
export async function indexSegment(task: SegmentTask): Promise<void> {
  unlessRemoved(partitionDir(task.dataDir, task.partition), task.first, () => index(task));
}

function index({ dataDir, partition, first, next }: SegmentTask): void {
  const readers = new HandleCache<SegmentReader>(readersMax);
  const indexes = new HandleCache<SegmentIndex>(1);
  try {
    const segments = new PartitionSegments({ dataDir, partition, readers, indexes });
    const name = segments.names.find((each) => each.first === first);
    invariant(name !== undefined, () => `partition ${partition} has no segment that opens with ${first}`);
    becomeOneFile(name);
    const segment = segments.readerOf(name);
    const earlier = (seq: StoredRecord['seq']) => segments.record(seq);
    buildIndex({ partition, segment, next, earlier });
  } finally {
    readers.close();
    indexes.close();
  }
}

/** Fold the -wal file of a segment that takes no more appends into it, and do without one from now on. */
export function becomeOneFile({ path }: Pick<SegmentName, 'path'>): void {
  const database = openDatabase(path, { mode: 'write', waitMs: aloneMs });
  try {
    runCheckpoint(database, 'truncate');
    database.pragma('journal_mode = DELETE');
  } catch (error) {
    if (storageFaultOf(error) !== 'io') throw error;
    // Somebody reads it: it stays in WAL mode.
  } finally {
    database.close();
  }
}
