/**
 * Events of one host that were due while nobody could start them: while the engine was down, or in a span that the clock jumped
 * over; and those that a bulk retry has put back. A queue per origin, highest priority first, then by deadline. They leave at the pace of recovery, which their
 * origin's courier keeps.
 *
 * Slots are asked for only once everything that is overdue has been taken in (`ask`), or the first ones would leave in the order of
 * their rows. What was asked for is counted, so that whoever leaves takes back a wish only if there is one.
 *
 * As in the waiting room (`waiting-room.ts`) entries are hints, and whoever takes one asks whether it still stands. Nothing is swept:
 * no more entries come in than were overdue.
 */
import { DueHeap } from './due-heap.js';
import type { Sequence } from '../../kernel/brand.js';
import { packEntry, type Stamped, unpackEntry, type Waiting } from './host-row.js';

const priorities = 10;
/** Entries that do not stand, passed over in one call: about a millisecond. */
const passedOverMax = 1_000;

class OriginBacklog {
  readonly byPriority: (DueHeap | null)[] = new Array<DueHeap | null>(priorities).fill(null);
  live = 0;
  /** Wishes for slots that a courier has. */
  asked = 0;
}

export class Backlog {
  readonly #queues = new Map<string, OriginBacklog>();
  readonly #stands: (waiting: Stamped, origin: string) => boolean;
  #size = 0;
  /** Somebody waits whose slot has not been asked for. */
  #hasUnasked = false;

  /** `stands`: is this event, with this stamp, still waiting for this origin, as one that is overdue? */
  constructor(stands: (waiting: Stamped, origin: string) => boolean) {
    this.#stands = stands;
  }

  /** Events that wait. */
  get size(): number {
    return this.#size;
  }

  get hasUnasked(): boolean {
    return this.#hasUnasked;
  }

  /** Events of the origin that has most of them. */
  get longest(): number {
    let longest = 0;
    for (const { live } of this.#queues.values()) longest = Math.max(longest, live);
    return longest;
  }

  count(origin: string): number {
    return this.#queues.get(origin)?.live ?? 0;
  }

  origins(): IterableIterator<string> {
    return this.#queues.keys();
  }

  enter(
    origin: string,
    {
      actor,
      handle,
      priority,
      dueAtMs,
      bodySeq,
    }: Waiting & { readonly priority: number; readonly dueAtMs: number; readonly bodySeq: Sequence },
  ): void {
    let queue = this.#queues.get(origin);
    if (queue === undefined) {
      queue = new OriginBacklog();
      this.#queues.set(origin, queue);
    }
    queue.byPriority[priority] ??= new DueHeap();
    queue.byPriority[priority].push(packEntry({ actor, handle, bodySeq }), dueAtMs);
    queue.live++;
    this.#size++;
    this.#hasUnasked = true;
  }

  /** An event left without its turn; its place must have changed already. True: a slot that was asked for is not needed any more. */
  leave(origin: string): boolean {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return false;
    this.#size--;
    queue.live--;
    const isAsked = queue.asked > queue.live;
    if (isAsked) queue.asked--;
    if (queue.live === 0) this.#queues.delete(origin);
    return isAsked;
  }

  /** Calls `want` for what has not been asked for. */
  ask(want: (origin: string, count: number) => void): void {
    this.#hasUnasked = false;
    for (const [origin, queue] of this.#queues) {
      if (queue.live <= queue.asked) continue;
      want(origin, queue.live - queue.asked);
      queue.asked = queue.live;
    }
  }

  /** Slots that were granted and could not be used, or the wishes for them are gone: they will be asked for again. */
  unask(origin: string, count: number): void {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return;
    queue.asked = Math.max(0, queue.asked - count);
    this.#hasUnasked = true;
  }

  /** A slot was granted: the next one in order, no longer waiting here. Null: nobody can be found for it now. */
  take(origin: string): Waiting | null {
    const queue = this.#queues.get(origin);
    if (queue === undefined) return null;
    queue.asked = Math.max(0, queue.asked - 1);
    let left = passedOverMax;
    for (let priority = priorities - 1; priority >= 0; priority--) {
      const heap = queue.byPriority[priority]!;
      if (heap === null) continue;
      for (let entry = heap.first(); entry !== null && left > 0; entry = heap.first(), left--) {
        heap.shift();
        const waiting = unpackEntry(entry);
        if (!this.#stands(waiting, origin)) continue;
        this.#size--;
        if (--queue.live === 0) this.#queues.delete(origin);
        return waiting;
      }
    }
    this.#hasUnasked = true;
    return null;
  }

  /** The first of each queue and priority: where the oldest is among. */
  forEachHead(visit: (waiting: Waiting) => void): void {
    for (const [origin, queue] of this.#queues) {
      for (const heap of queue.byPriority) {
        const entry = heap?.first() ?? null;
        if (entry === null) continue;
        const waiting = unpackEntry(entry);
        if (this.#stands(waiting, origin)) visit(waiting);
      }
    }
  }
}
