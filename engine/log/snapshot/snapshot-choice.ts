/**
 * Which snapshot may a replay begin with? The newest that is whole, of our form, and of this very log.
 *
 * Of this log: the record at its position is there and bears its chain value. A snapshot may have been taken of records that a
 * failure has taken back since, and a log may have been restored from a backup.
 *
 * It holds the finals of its newest segment only, so all segments before that one must have an index. If the only thing
 * that is missing are indexes, the asker may wait for them: building one is faster than going through the whole log.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { readFailureOf } from '../damage.js';
import type { PartitionSegments } from '../reading/partition-segments.js';
import { listSnapshots } from '../segment/segment-files.js';
import { SnapshotReader } from './snapshot-file.js';

export interface Choice {
  /** To be closed. Null: from the beginning. */
  readonly snapshot: SnapshotReader | null;
  /** A newer one could be used if all sealed segments had an index. */
  readonly wantsIndexes: boolean;
  /** What is wrong with newer ones that are damaged. */
  readonly damaged: readonly string[];
}

export function chooseSnapshot(
  segments: PartitionSegments,
  { form, withoutIndexes }: { readonly form: number; readonly withoutIndexes: boolean },
): Choice {
  let wantsIndexes = false;
  const damaged: string[] = [];
  for (const { path } of listSnapshots(segments.dir)) {
    const snapshot = openIfWhole(path, damaged);
    if (snapshot === null) continue;
    if (isOfThisLog(snapshot, segments, form)) {
      if (withoutIndexes || snapshot.header.finalsFrom <= segments.indexedBefore) return { snapshot, wantsIndexes, damaged };
      wantsIndexes = true;
    }
    snapshot.close();
  }
  return { snapshot: null, wantsIndexes, damaged };
}

function openIfWhole(path: string, damaged: string[]): SnapshotReader | null {
  try {
    return new SnapshotReader(path);
  } catch (error) {
    // Whatever is wrong with it, the log has everything that is in it.
    damaged.push(readFailureOf(error, 'damaged').detail);
    return null;
  }
}

function isOfThisLog({ header }: SnapshotReader, segments: PartitionSegments, form: number): boolean {
  const { partition, position } = header;
  if (header.form !== form || partition !== (segments.partition as PartitionId)) return false;
  try {
    return segments.chainAt(position.seq) === position.chain;
  } catch (error) {
    // The record itself is damaged: the replay will tell.
    readFailureOf(error, 'damaged');
    return false;
  }
}
