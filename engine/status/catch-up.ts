/**
 * Brings subscribers from their place to where the stream stands: with what was shown lately if that reaches back far enough, else
 * from the log, partition by partition, in slices.
 *
 *     its place --- log ---> --- log ---> --- recent changes ---> live
 *               \-- gap --/
 *
 * A place that has left the replay window, or that this log does not know, is left with a gap. In a cluster a client may have heard more from another
 * node than has come here yet: then it waits for that first. The order of changes within a
 * partition is kept, and so is the order per event; partitions take turns.
 *
 * Everybody who catches up is in one queue and takes a step when its turn comes; a turn of the event loop has room for so many
 * changes, so that a crowd that comes back at once does not hold up the gateway.
 */
import type { ChangeSlice, StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { EngineError } from '../kernel/errors.js';
import { catchUpChangesMax } from '../kernel/limits.js';
import { type CursorPositions, encodeCursor } from './cursor.js';
import type { PastChanges } from './past-changes.js';
import type { Positions } from './positions.js';
import type { RecentChanges } from './recent-changes.js';
import type { Subscriber } from './subscriber.js';

/** A step without changes costs about as much as so many of them. */
const stepCost = 10;

export interface CatchUpParts {
  readonly positions: Positions;
  readonly recent: RecentChanges;
  readonly past: PastChanges;
  /** Log positions that a place may lie back. */
  readonly replayWindow: number;
  /** How many ticks somebody waits here who has come further than the stream; 0: nobody can have heard more elsewhere. */
  readonly aheadTicksMax: number;
  /** A subscriber hears its place at the latest after this many changes that did not match. */
  readonly unheardMax: number;
  /** In a later turn of the event loop. */
  soon(task: () => void): void;
  /** It stands where the stream stands. */
  arrived(subscriber: Subscriber): void;
}

export class CatchUp {
  readonly #parts: CatchUpParts;
  #queue: Subscriber[] = [];
  #isDue = false;
  /** Their last read failed: not at once again. */
  #failed: Subscriber[] = [];
  /** Have come further than the stream. */
  #ahead: Subscriber[] = [];

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
  }

  /** From its place on. One that is being brought already must not come in again. */
  bring(subscriber: Subscriber): void {
    this.#queue.push(subscriber);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#parts.soon(() => this.#work());
  }

  /** About once a second: what has failed is tried again, and who is ahead may be so no longer. */
  tick(): void {
    for (const subscriber of this.#ahead) subscriber.ticksAhead++;
    for (const subscriber of [...this.#failed.splice(0), ...this.#ahead.splice(0)]) this.bring(subscriber);
  }

  #work(): void {
    this.#isDue = false;
    const queue = this.#queue;
    this.#queue = [];
    let room = catchUpChangesMax;
    let taken = 0;
    while (taken < queue.length && room > 0) room -= stepCost + this.#step(queue[taken++]!);
    // Those who did not have their turn come before those who want another.
    const rest = queue.slice(taken);
    const again = this.#queue;
    this.#queue = [];
    for (const subscriber of [...rest, ...again]) this.bring(subscriber);
  }

  /** Returns how many changes it looked at. */
  #step(subscriber: Subscriber): number {
    if (subscriber.mode !== 'catching-up') return 0;
    const { positions, recent, past } = this.#parts;
    if (!this.#leaveWhatCannotBeTold(subscriber)) return 0;
    const partition = this.#nextBehind(subscriber);
    if (partition === null) {
      this.#parts.arrived(subscriber);
      return 0;
    }
    const { place, stuck } = subscriber;
    const chunk = recent.chunkAt(place, stuck);
    if (chunk !== null) {
      this.#tell(subscriber, { changes: chunk.changes, through: latest({ place, stuck }, chunk.after) });
      return chunk.changes.length;
    }
    const after = place[partition]!;
    const slice = past.known(partition, after);
    if (slice !== null) return this.#tellSlice(subscriber, { partition, slice });
    const span = { partition, after, upTo: positions.of(partition)! };
    past.ask(span, (error) => this.#woken(subscriber, { partition, error }));
    return 0;
  }

  #woken(subscriber: Subscriber, { partition, error }: { partition: PartitionId; error: EngineError | null }): void {
    if (subscriber.mode !== 'catching-up') return;
    if (error !== null && error.code !== 'partition-unavailable') {
      this.#failed.push(subscriber);
      return;
    }
    if (error !== null) subscriber.stuck.add(partition);
    this.bring(subscriber);
  }

  /** A gap from its place to the nearest one from which on everything can be told. False: it did not take that. */
  #leaveWhatCannotBeTold(subscriber: Subscriber): boolean {
    const { positions, replayWindow } = this.#parts;
    const { place, stuck } = subscriber;
    const now = positions.now();
    let to: (Sequence | null)[] | null = null;
    let isAhead = false;
    for (let partition = 0; partition < place.length; partition++) {
      const own = place[partition]!;
      const position = now[partition]!;
      if (position === null) {
        // It has not come up, or stopped: what it holds is told when it has.
        if (own !== null) stuck.add(partition as PartitionId);
        continue;
      }
      if (own !== null && own > position && subscriber.ticksAhead < this.#parts.aheadTicksMax) {
        isAhead = true;
        continue;
      }
      const isUnknownHere = own === null || own > position;
      const isTooFarBack = own !== null && own < position - replayWindow;
      if (!isUnknownHere && !isTooFarBack) continue;
      if (own === null) stuck.delete(partition as PartitionId);
      to ??= [...place];
      to[partition] = (isUnknownHere ? position : position - replayWindow) as Sequence;
    }
    if (isAhead) {
      this.#ahead.push(subscriber);
      return false;
    }
    subscriber.ticksAhead = 0;
    return to === null || this.#gap(subscriber, to);
  }

  #nextBehind({ place, stuck }: Subscriber): PartitionId | null {
    const { positions } = this.#parts;
    const now = positions.now();
    let furthest: PartitionId | null = null;
    let lag = 0;
    for (let partition = 0; partition < now.length; partition++) {
      const behind = (now[partition] ?? 0) - (place[partition] ?? 0);
      if (behind <= lag || stuck.has(partition as PartitionId)) continue;
      lag = behind;
      furthest = partition as PartitionId;
    }
    return furthest;
  }

  #tellSlice(subscriber: Subscriber, { partition, slice }: { partition: PartitionId; slice: ChangeSlice }): number {
    const { changes } = slice;
    if (slice.after > subscriber.place[partition]! && !this.#gap(subscriber, moved(subscriber.place, partition, slice.after)))
      return 0;
    this.#tell(subscriber, { changes, through: moved(subscriber.place, partition, slice.through) });
    return changes.length;
  }

  /** The changes that lie behind its place and match; its place is `through` then. */
  #tell(
    subscriber: Subscriber,
    { changes, through }: { readonly changes: readonly StatusChange[]; readonly through: CursorPositions },
  ): void {
    const { place, stuck } = subscriber;
    const fresh = changes.filter(({ partition, seq }) => !stuck.has(partition) && seq > (place[partition] ?? 0));
    const items = fresh.filter(subscriber.matches);
    subscriber.unheard += fresh.length;
    const isQuiet = items.length === 0 && subscriber.unheard < this.#parts.unheardMax;
    if (!isQuiet && !subscriber.hear({ cursor: encodeCursor(through), items, gapFrom: null })) {
      this.#rest(subscriber);
      return;
    }
    this.#goOn(subscriber, through);
  }

  #gap(subscriber: Subscriber, to: CursorPositions): boolean {
    const batch = { cursor: encodeCursor(to), items: [], gapFrom: encodeCursor(subscriber.place) };
    if (!subscriber.hear(batch)) {
      this.#rest(subscriber);
      return false;
    }
    subscriber.place = to;
    return true;
  }

  /** It may have been closed while it heard. */
  #goOn(subscriber: Subscriber, place: CursorPositions): void {
    subscriber.place = place;
    if (subscriber.mode === 'catching-up') this.bring(subscriber);
  }

  #rest(subscriber: Subscriber): void {
    if (subscriber.mode === 'catching-up') subscriber.mode = 'resting';
  }
}

function moved(place: CursorPositions, partition: PartitionId, to: Sequence): CursorPositions {
  const copy = [...place];
  copy[partition] = to;
  return copy;
}

/** Behind a chunk of all partitions; where it is stuck it stays. */
function latest({ place, stuck }: Pick<Subscriber, 'place' | 'stuck'>, after: CursorPositions): CursorPositions {
  return place.map((own, partition) => {
    const there = after[partition] ?? null;
    const stays = there === null || stuck.has(partition as PartitionId) || (own !== null && own > there);
    return stays ? own : there;
  });
}
