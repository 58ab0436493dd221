/**
 * Events of one host that are due and have no slot at their origin yet: a queue per origin, highest priority first, then in
 * the order in which they came due. Shared by the partitions of a host, so that priority holds across them.
 *
 * Entries are hints. The truth is the event's place (`places.ts`): an event that was cancelled, has expired or has been
 * reloaded leaves its entry behind, and whoever takes an entry asks whether it still stands. So leaving costs nothing; a
 * queue with more stale entries than live ones is swept, a piece each time somebody enters. One that was changed comes back with
 * another stamp, so that its earlier entry, perhaps of another priority, does not stand for it.
 */
import type { Sequence } from '../../kernel/brand.js';
import { Fifo } from './fifo.js';
import { packEntry, type Stamped, unpackEntry, type Waiting } from './host-row.js';

const priorities = 10;
/** Below this, sweeping is not worth its while. */
const sweptEntriesMin = 1_024;

class OriginQueue {
  readonly byPriority: readonly Fifo[] = Array.from({ length: priorities }, () => new Fifo());
  /** Of them, the one whose next piece is swept. */
  swept = 0;
  live = 0;

  get entries(): number {
    let entries = 0;
    for (const queue of this.byPriority) entries += queue.size;
    return entries;
  }
}

/** Is this event, with this stamp, still waiting for this origin? */
type Stands = (waiting: Stamped, origin: string) => boolean;

export class WaitingRoom {
  readonly #queues = new Map<string, OriginQueue>();
  readonly #stands: Stands;
  #size = 0;

  constructor(stands: Stands) {
    this.#stands = stands;
  }

  /** Events that wait. */
  get size(): number {
    return this.#size;
  }

  count(origin: string): number {
    return this.#queues.get(origin)?.live ?? 0;
  }

  origins(): IterableIterator<string> {
    return this.#queues.keys();
  }

  /** `bodySeq`: of the spec with which it waits. */
  enter(
    origin: string,
    { actor, handle, priority, bodySeq }: Waiting & { readonly priority: number; readonly bodySeq: Sequence },
  ): void {
    let queue = this.#queues.get(origin);
    if (queue === undefined) {
      queue = new OriginQueue();
      this.#queues.set(origin, queue);
    }
    queue.byPriority[priority]!.push(packEntry({ actor, handle, bodySeq }));
    queue.live++;
    this.#size++;
    if (queue.entries > sweptEntriesMin && queue.entries > 2 * queue.live) this.#sweep(queue, origin);
  }

  /** An event left without its turn: cancelled, expired, reloaded. Its place must have changed already. */
  leave(origin: string): void {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return;
    this.#size--;
    if (--queue.live === 0) this.#queues.delete(origin);
  }

  /** The next one in order, no longer waiting here. Null: nobody waits. */
  take(origin: string): Waiting | null {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return null;
    for (let priority = priorities - 1; priority >= 0; priority--) {
      const waiting = this.#first(queue.byPriority[priority]!, origin);
      if (waiting === null) continue;
      queue.byPriority[priority]!.shift();
      this.#size--;
      if (--queue.live === 0) this.#queues.delete(origin);
      return waiting;
    }
    return null;
  }

  /** Those whose turn comes next, at most so many. Some may not stand any more. */
  forEachNext(origin: string, count: number, visit: (waiting: Waiting) => void): void {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return;
    let left = count;
    for (let priority = priorities - 1; priority >= 0 && left > 0; priority--) {
      left -= queue.byPriority[priority]!.forEachFirst(left, (entry) => visit(unpackEntry(entry)));
    }
  }

  /** The first of each queue and priority that still waits: where the oldest is among. */
  forEachHead(visit: (waiting: Waiting) => void): void {
    for (const [origin, queue] of this.#queues) {
      for (const ofPriority of queue.byPriority) {
        const waiting = this.#first(ofPriority, origin);
        if (waiting !== null) visit(waiting);
      }
    }
  }

  /** What does not stand any more is dropped on the way. */
  #first(queue: Fifo, origin: string): Waiting | null {
    for (let entry = queue.first(); entry !== null; entry = queue.first()) {
      const waiting = unpackEntry(entry);
      if (this.#stands(waiting, origin)) return { actor: waiting.actor, handle: waiting.handle };
      queue.shift();
    }
    return null;
  }

  /** A piece of it. */
  #sweep(queue: OriginQueue, origin: string): void {
    while (queue.byPriority[queue.swept]!.size === 0) queue.swept = (queue.swept + 1) % priorities;
    queue.byPriority[queue.swept]!.sweep((entry) => this.#stands(unpackEntry(entry), origin));
    queue.swept = (queue.swept + 1) % priorities;
  }
}
