/**
 * When does whoever walks through a journal, asking its leader for one entry after the other, have them come in bulk?
 *
 *     one by one --32 entries, and still not there--> one by one, while a consumer is being made --> in bulk --over--> one by one
 *
 * Making a consumer takes some milliseconds, of a leader of its own that may be away for seconds: most copies are not so far behind, and nobody waits for it.
 *
 * Owned by one walk.
 */
import { bulkAfterEntries } from '../../kernel/limits.js';
import type { BulkReading } from './bulk-reading.js';
import type { StoredEntry } from './journal-entry.js';
import type { PartitionJournal } from './partition-journal.js';

export class Shortcut {
  readonly #journal: Pick<PartitionJournal, 'inBulk'>;
  #bulk: BulkReading | null = null;
  #oneByOne = 0;

  constructor(journal: Pick<PartitionJournal, 'inBulk'>) {
    this.#journal = journal;
  }

  /** Gives `take` some of the entries behind `place` and before `goal`, until it says that one is not wanted. False: none has come, and the leader is to be asked for the next one. */
  async take(
    { place, goal }: { readonly place: number; readonly goal: number },
    take: (entry: StoredEntry) => boolean,
  ): Promise<boolean> {
    // Whoever has gone back would miss what lies between.
    if (this.#bulk !== null && place < this.#bulk.place) this.#bulk.close();
    if (this.#bulk?.isOver) {
      this.#bulk = null;
      this.#oneByOne = 0;
    }
    if (this.#bulk === null && this.#oneByOne >= bulkAfterEntries) this.#bulk = this.#journal.inBulk(place);
    // The leader is asked for the last one.
    const entriesMax = goal - place - 1;
    if (this.#bulk?.isOpen && entriesMax > 0) return this.#bulk.pull(entriesMax, take);
    this.#oneByOne++;
    return false;
  }

  close(): void {
    this.#bulk?.close();
  }
}
