/**
 * Whose turn is it to take new events that have no key?
 *
 * An event with a key belongs to the partition of its key. Any other may go anywhere. By chance, 64 that come together are sixteen for each of four
 * partitions: four sheaves, four decisions, four commits with an fsync each. So partitions take turns: what comes within a millisecond goes to one of
 * them, and while events come in crowds it keeps its turn for a thousand of them. Alone, one behind the other, they go to one partition after
 * the other, and those of a batch four sheaves to each; in the end all have as many
 * (`docs/decisions/events-without-a-key-take-partitions-in-turn.md`).
 */
import type { PartitionId, Slot, WallMs } from '../kernel/brand.js';
import { sheafEventsMax, slots } from '../kernel/limits.js';

/** Within a millisecond: with fewer there is nothing to gain by keeping them together. */
const crowdEvents = 8;
/** Of one turn. A turn of 256 spares half as much. */
const turnEvents = 1_024;
/** Of one batch: with a single sheaf for each of 16 partitions a cluster has twice as many entries, with all of it for one no two hosts share what is due in one moment. */
export const batchTurnEvents = 4 * sheafEventsMax;

export class PartitionTurns {
  readonly #partitions: number;
  #partition: PartitionId;
  #taken = 0;
  #atMs = 0;
  #takenInMs = 0;

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.#partition = Math.floor(Math.random() * partitions) as PartitionId;
  }

  /** A slot, by chance, of the partition whose turn it is. */
  slotAt(now: WallMs): Slot {
    if (now !== this.#atMs) {
      if (this.#takenInMs < crowdEvents) this.pass();
      this.#atMs = now;
      this.#takenInMs = 0;
    }
    if (this.#taken === turnEvents) this.pass();
    this.#taken++;
    this.#takenInMs++;
    const partition = this.#partition;
    const slotsOfPartition = Math.ceil((slots - partition) / this.#partitions);
    return (partition + this.#partitions * Math.floor(Math.random() * slotsOfPartition)) as Slot;
  }

  /** To the next one. */
  pass(): void {
    this.#partition = ((this.#partition + 1) % this.#partitions) as PartitionId;
    this.#taken = 0;
  }
}
