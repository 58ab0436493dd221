/**
 * Events of one host that are due and have no slot at their origin yet: a queue per origin, highest priority first, then in
 * the order in which they came due. Shared by the partitions of a host, so that priority holds across them.
 *
 * Entries are hints. The truth is the event's place (`places.ts`): an event that was cancelled, has expired or has been
 * reloaded leaves its entry behind, and whoever takes an entry asks whether it still stands. So leaving costs nothing; a
 * queue with more stale entries than live ones is swept.
 */
import type { Handle } from '../kernel/brand.js';

/** A partition's number within its host and a row there, in one number. */
type Entry = number;
const rowsPerActor = 2 ** 26;
const priorities = 10;
/** Below this, sweeping is not worth its while. */
const sweptEntriesMin = 1_024;

export interface Waiting {
  /** Place of the actor in its host. */
  readonly actor: number;
  readonly handle: Handle;
}

class OriginQueue {
  /** By priority; each a list with its head. */
  readonly lists: Entry[][] = Array.from({ length: priorities }, () => []);
  readonly heads = new Array<number>(priorities).fill(0);
  entries = 0;
  live = 0;
}

export class WaitingRoom {
  readonly #queues = new Map<string, OriginQueue>();
  readonly #stands: (waiting: Waiting, origin: string) => boolean;
  #size = 0;

  /** `stands`: is this event still waiting for this origin? */
  constructor(stands: (waiting: Waiting, origin: string) => boolean) {
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

  enter(origin: string, { actor, handle, priority }: Waiting & { readonly priority: number }): void {
    let queue = this.#queues.get(origin);
    if (queue === undefined) {
      queue = new OriginQueue();
      this.#queues.set(origin, queue);
    }
    queue.lists[priority]!.push(actor * rowsPerActor + handle);
    queue.entries++;
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
      const list = queue.lists[priority]!;
      while (queue.heads[priority]! < list.length) {
        const waiting = unpack(list[queue.heads[priority]!]!);
        queue.heads[priority]!++;
        queue.entries--;
        compact(queue, priority);
        if (!this.#stands(waiting, origin)) continue;
        this.#size--;
        if (--queue.live === 0) this.#queues.delete(origin);
        return waiting;
      }
    }
    return null;
  }

  /** The first of each queue and priority that still waits: where the oldest is among. */
  forEachHead(visit: (waiting: Waiting) => void): void {
    for (const [origin, queue] of this.#queues) {
      for (let priority = 0; priority < priorities; priority++) {
        const list = queue.lists[priority]!;
        for (let at = queue.heads[priority]!; at < list.length; at++) {
          const waiting = unpack(list[at]!);
          if (!this.#stands(waiting, origin)) continue;
          visit(waiting);
          break;
        }
      }
    }
  }

  #sweep(queue: OriginQueue, origin: string): void {
    queue.entries = 0;
    for (let priority = 0; priority < priorities; priority++) {
      const live = queue.lists[priority]!.slice(queue.heads[priority]).filter((entry) => this.#stands(unpack(entry), origin));
      queue.lists[priority] = live;
      queue.heads[priority] = 0;
      queue.entries += live.length;
    }
  }
}

function unpack(entry: Entry): Waiting {
  const actor = Math.floor(entry / rowsPerActor);
  return { actor, handle: (entry - actor * rowsPerActor) as Handle };
}

/** Give the taken front of a list back now and then. */
function compact(queue: OriginQueue, priority: number): void {
  const head = queue.heads[priority]!;
  const list = queue.lists[priority]!;
  if (head < sweptEntriesMin || head * 2 < list.length) return;
  queue.lists[priority] = list.slice(head);
  queue.heads[priority] = 0;
}
