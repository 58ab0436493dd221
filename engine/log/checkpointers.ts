/**
 * Passive checkpoints of open segments: pages of the -wal file are moved into the segment by a connection of its own, so that no commit waits.
 *
 * One connection for each partition, to the segment that was asked for last.
 */
import type { PartitionId } from '../kernel/brand.js';
import { runCheckpoint } from './segment/segment.js';
import type { SegmentName } from './segment/segment-files.js';
import { type Database, openDatabase, storageFaultOf } from './sqlite.js';

interface Checkpointer {
  readonly name: SegmentName;
  readonly database: Database;
}

export class Checkpointers {
  readonly #open = new Map<PartitionId, Checkpointer>();

  checkpoint(partition: PartitionId, name: SegmentName): void {
    try {
      runCheckpoint(this.#of(partition, name).database, 'passive');
    } catch (error) {
      // The writer moves what stays behind, and meets the same error with more to say about it.
      if (storageFaultOf(error) === null) throw error;
      this.close(partition);
    }
  }

  close(partition: PartitionId): void {
    this.#open.get(partition)?.database.close();
    this.#open.delete(partition);
  }

  closeAll(): void {
    for (const partition of [...this.#open.keys()]) this.close(partition);
  }

  #of(partition: PartitionId, name: SegmentName): Checkpointer {
    const known = this.#open.get(partition);
    if (known !== undefined && known.name.path === name.path) return known;
    this.close(partition);
    const opened = { name, database: openDatabase(name.path, { mode: 'write' }) };
    this.#open.set(partition, opened);
    return opened;
  }
}
