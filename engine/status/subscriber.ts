/**
 * One subscription: who listens, to what, and how far it has got.
 *
 * Modes
 *   catching-up  Its place lies behind the stream. `CatchUp` hands it what lies between, until it has arrived -> live.
 *   live         It hears what is shown, when it is shown. Its place is where the stream stands.
 *                A hole has opened in the stream -> catching-up. Its listener refuses a batch -> resting.
 *   resting      Its listener cannot take more for now. It costs its place and nothing else. Resumed -> catching-up.
 *   closed       For good.
 *
 * A partition that does not work while the others go on is *stuck* for a subscriber that is behind in it: its place there stays
 * until the partition announces itself again. It hears nothing of that partition meanwhile, so it can be live all the same.
 */
import type { StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { type CursorPositions, encodeCursor } from './cursor.js';
import { compileFilter, type StatusFilter, type StatusPredicate } from './filter.js';
import type { Positions } from './positions.js';

/** Members of a group get the same object, so that it may be encoded once for all of them. */
export interface StatusBatch {
  /** The place after this batch: exactly what it and those before it have shown. */
  readonly cursor: string;
  /** At most `batchChangesMax`. Empty when only the place has moved on. */
  readonly items: readonly StatusChange[];
  /** Not null: changes between this cursor and `cursor` cannot be told. `items` is empty then. */
  readonly gapFrom: string | null;
}

/** False: not taken. The subscription then rests at the place before this batch until it is resumed. */
export type StatusListener = (batch: StatusBatch) => boolean;

export class Subscriber {
  readonly filter: StatusFilter;
  readonly matches: StatusPredicate;
  readonly stuck = new Set<PartitionId>();
  readonly #listener: StatusListener;
  readonly #failed: (error: unknown) => void;
  mode: 'catching-up' | 'live' | 'resting' | 'closed' = 'catching-up';
  /** Where it stands; while it is live, only of partitions that are stuck. */
  place: CursorPositions;
  /** How long it has stood further than the stream: ticks of the hub. */
  ticksAhead = 0;
  /** Changes that have gone by since its newest batch, while it is not live; ... */
  unheard = 0;
  /** ... while it is, how many had been shown altogether when it heard that. */
  heardAt = 0;

  constructor({
    filter,
    listener,
    place,
    failed,
  }: {
    readonly filter: StatusFilter;
    readonly listener: StatusListener;
    readonly place: CursorPositions;
    /** The listener threw, so that nobody knows what it has taken. */
    failed(error: unknown): void;
  }) {
    this.filter = filter;
    this.matches = compileFilter(filter);
    this.#listener = listener;
    this.place = place;
    this.#failed = failed;
  }

  /** Where a live one stands when the stream stands at `positions`. */
  placeAt(positions: CursorPositions): CursorPositions {
    if (this.stuck.size === 0) return positions;
    return positions.map((position, partition) => (this.stuck.has(partition as PartitionId) ? this.place[partition]! : position));
  }

  cursor(positions: Positions): string {
    if (this.mode !== 'live') return encodeCursor(this.place);
    return this.stuck.size === 0 ? positions.cursor() : encodeCursor(this.placeAt(positions.now()));
  }

  /** Log positions between its place and where the stream stands. */
  behind(positions: Positions): number {
    if (this.mode === 'live' && this.stuck.size === 0) return 0;
    const now = positions.now();
    const place = this.mode === 'live' ? this.placeAt(now) : this.place;
    return now.reduce<number>((sum, position, partition) => sum + Math.max(0, (position ?? 0) - (place[partition] ?? 0)), 0);
  }

  /** A cursor that says nothing of a partition may be older than what happened there: when it comes up that is a gap. */
  distrustUnknown(): void {
    for (const [partition, position] of this.place.entries()) if (position === null) this.stuck.add(partition as PartitionId);
  }

  /** For the first time since it began; where nothing was known, nothing was missed. */
  partitionCameUp(partition: PartitionId, seq: Sequence): void {
    if (this.place[partition] !== null) return;
    this.place = this.place.map((own, at) => (at === partition ? seq : own));
  }

  /** False: it did not take the batch, and wants to rest, or is closed by now. */
  hear(batch: StatusBatch): boolean {
    if (this.mode === 'closed') return false;
    try {
      if (!this.#listener(batch)) return false;
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.unheard = 0;
    return true;
  }
}
