/**
 * How far the stream has come in each partition: everything up to here has been shown, or was not asked for.
 *
 * A partition's position is unknown until its host announces it. It then moves with every change, matched or not, and never goes
 * back by a change: what lies at or before it has been shown. Unknown also means that changes of the partition are passed over:
 * they come from a time when nobody was subscribed.
 *
 * Sequences grow within a partition but have holes (records that are no change of state), so a missing number proves nothing.
 * What proves a loss is an announcement that differs from our position: the host that announces starts after records that its
 * predecessor had written and not sent on. They are in the log.
 */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { type CursorPositions, encodeCursor } from './cursor.js';

/** `first`: nothing was known. `differs`: changes between the two positions have never come. */
export type Announced = 'first' | 'as-known' | 'differs';

export class Positions {
  readonly #positions: (Sequence | null)[];
  /** Until something moves: 1,000 subscribers share one text and one copy. */
  #cursor: string | null = null;
  #copy: CursorPositions | null = null;

  constructor(partitions: number) {
    this.#positions = new Array<Sequence | null>(partitions).fill(null);
  }

  /** True if the change is the next to be shown. */
  advance(partition: PartitionId, seq: Sequence): boolean {
    const position = this.of(partition);
    if (position === null || seq <= position) return false;
    this.#put(partition, seq);
    return true;
  }

  /** Changes after `seq` will come. */
  announce(partition: PartitionId, seq: Sequence): Announced {
    const position = this.of(partition);
    if (position === seq) return 'as-known';
    this.#put(partition, seq);
    return position === null ? 'first' : 'differs';
  }

  /** Nobody listens any more: changes go by unseen. */
  forget(): void {
    this.#positions.fill(null);
    this.#cursor = null;
    this.#copy = null;
  }

  of(partition: PartitionId): Sequence | null {
    const position = this.#positions[partition];
    if (position === undefined) {
      throw new InvariantError(`a status change of partition ${partition}, expected one of ${this.#positions.length}`);
    }
    return position;
  }

  cursor(): string {
    this.#cursor ??= encodeCursor(this.#positions);
    return this.#cursor;
  }

  /** As they are now; does not change. */
  now(): CursorPositions {
    this.#copy ??= [...this.#positions];
    return this.#copy;
  }

  #put(partition: PartitionId, seq: Sequence): void {
    this.#positions[partition] = seq;
    this.#cursor = null;
    this.#copy = null;
  }
}
