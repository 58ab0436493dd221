/**
 * How young the events in each block of rows can be, so that a list of the newest ones passes most blocks over unseen.
 *
 * Rows are used again, so a bound only ever rises: that of a block whose newest event is gone is too high, and such a block is
 * looked at for nothing. Rows freed last are used first, so young events stand together. (A lower bound would never rise again, and say
 * nothing after a while.)
 */
import { createdAtMsOf } from '../event/event-list.js';
import { eventIdBytes } from '../kernel/event-id.js';

/** A power of two, and a chunk holds whole ones. */
export const blockRows = 512;
const blockShift = 9;

export class NewestInBlocks {
  #createdAtMs = new Float64Array(32);

  /** An event stands in this row from now on; its id begins at `idAt`. */
  note(row: number, ids: Uint8Array, idAt: number): void {
    const block = row >>> blockShift;
    if (block >= this.#createdAtMs.length) this.#grow();
    const createdAtMs = createdAtMsOf(ids, idAt);
    if (createdAtMs > this.#createdAtMs[block]!) this.#createdAtMs[block] = createdAtMs;
  }

  /** The same of so many rows from `first` on, whose ids follow each other. */
  noteAll(first: number, count: number, ids: Uint8Array): void {
    for (let row = 0; row < count; row++) this.note(first + row, ids, row * eventIdBytes);
  }

  /** No event in the block of this row was created later; ms. */
  boundAt(row: number): number {
    return this.#createdAtMs[row >>> blockShift] ?? 0;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#createdAtMs.length);
    larger.set(this.#createdAtMs);
    this.#createdAtMs = larger;
  }
}
