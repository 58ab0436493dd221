/**
 * Bodies of events that are due soon, so that no attempt waits for a disk.
 *
 * Filled in two ways: an event that is due within 2 s of its acceptance keeps the body that came in; for the others the
 * wheel calls one second ahead and the reader fetches it. Bounded in bytes over the whole host: what finds no room is
 * read when it has its slot.
 *
 * The reader answers in order, so a million reads ahead would be in the way of the one that a granted slot waits for. Each
 * partition has one read ahead under way at a time; what waits behind it waits here. With 300,000 events due in one
 * millisecond, and all that is wanted handed to the reader at once, other events started seconds late.
 *
 * Of one origin only so many are read ahead, and fewer of those that are due together: those behind them wait for their slots
 * longer than a read takes, and are read as the queue goes on (`slots.ts`). Without that, 900,000 events due at once for one
 * origin were all read before the first few had left, and the collector of garbage stood in everybody's way for 10-20 ms at a
 * time.
 */
import type { Handle, PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import { NumberMap } from '../kernel/number-map.js';
import { readAheadPerMomentMax, readAheadPerOriginMax } from '../kernel/limits.js';
import type { BodyStore } from './body-store.js';
import type { Reads } from './reads.js';

/** Where a body is, and whether anybody still wants it when it comes. */
export interface PayloadOwner {
  readonly partition: PartitionId;
  readonly reads: Reads;
  /** Of the record that carries its spec; 0 for a row that is free. */
  bodySeq(handle: Handle): Sequence;
  /** Of a row that is in use. */
  originOf(handle: Handle): number;
  came(handle: Handle, body: Uint8Array): void;
  /** A body of a pending event cannot be read. */
  failed(detail: string): void;
}

/** Bodies in one read: about a millisecond of the reader. */
const bodiesPerRead = 128;

/** Of one origin. */
interface Crowd {
  /** Bodies that are here, wanted ahead, or on their way. */
  bodies: number;
  /** When those are due that were wanted last, and how many of them. */
  dueAtMs: WallMs | null;
  dueTogether: number;
}

interface Ahead {
  readonly handle: Handle;
  readonly origin: number;
}

export class Payloads {
  readonly #owner: PayloadOwner;
  /** Of all partitions of the host; its marks are origins. */
  readonly #store: BodyStore;
  /** Their slots there. */
  readonly #bodies = new NumberMap<Handle, number>();
  /** Somebody waits: to be asked for at the end of the turn. */
  #wanted: Handle[] = [];
  /** To be read ahead when the last read ahead has come. */
  #ahead: Ahead[] = [];
  readonly #perOrigin = new Map<number, Crowd>();
  #isReadingAhead = false;
  /** Grows with `clear`: what was asked for before is not wanted any more. */
  #incarnation = 0;

  constructor(owner: PayloadOwner, store: BodyStore) {
    this.#owner = owner;
    this.#store = store;
  }

  has(handle: Handle): boolean {
    return this.#bodies.has(handle);
  }

  /** Keeps a copy of it if there is room. */
  keep(handle: Handle, body: Uint8Array): void {
    if (this.#store.isSpent || this.#bodies.has(handle)) return;
    const origin = this.#owner.originOf(handle);
    this.#bodies.set(handle, this.#store.put(body, origin));
    this.#count(origin, 1);
  }

  /** The body, no longer kept here, and good until the end of the turn. */
  take(handle: Handle): Uint8Array | null {
    const slot = this.#leave(handle);
    return slot === null ? null : this.#store.take(slot);
  }

  /** It is not wanted any more, if it is here. */
  drop(handle: Handle): void {
    const slot = this.#leave(handle);
    if (slot !== null) this.#store.drop(slot);
  }

  /** Read it when there is room, if it is not here and its origin has not enough of them. Called in the order in which they are due. */
  readAhead(handle: Handle, dueAtMs: WallMs): void {
    const origin = this.#owner.originOf(handle);
    const crowd = this.#perOrigin.get(origin);
    if (crowd !== undefined) {
      if (crowd.bodies >= readAheadPerOriginMax) return;
      if (crowd.dueAtMs !== dueAtMs) {
        crowd.dueAtMs = dueAtMs;
        crowd.dueTogether = 0;
      }
      if (++crowd.dueTogether > readAheadPerMomentMax) return;
    }
    this.readNext(handle);
  }

  /** Read it when there is room, if it is not here: it is one of the next to leave. */
  readNext(handle: Handle): void {
    if (this.#bodies.has(handle)) return;
    const origin = this.#owner.originOf(handle);
    this.#ahead.push({ handle, origin });
    this.#count(origin, 1);
  }

  /** Read it: somebody waits. */
  read(handle: Handle): void {
    this.#wanted.push(handle);
  }

  /** End of a turn: asks for what is wanted. */
  flush(): void {
    if (this.#wanted.length > 0) {
      const wanted = this.#wanted;
      this.#wanted = [];
      for (let at = 0; at < wanted.length; at += bodiesPerRead) this.#ask(wanted.slice(at, at + bodiesPerRead), () => undefined);
    }
    this.#askAhead();
  }

  clear(): void {
    for (const slot of this.#bodies.values()) this.#store.drop(slot);
    this.#bodies.clear();
    this.#perOrigin.clear();
    this.#wanted = [];
    this.#ahead = [];
    this.#isReadingAhead = false;
    this.#incarnation++;
  }

  /**
   * The newest first. When the reader keeps up there is no difference; when a flood has been called, what came after it is
   * most likely not part of it, and still has its second.
   */
  #askAhead(): void {
    while (this.#ahead.length > 0 && !this.#isReadingAhead && !this.#store.isSpent) {
      const called = this.#ahead.splice(-bodiesPerRead);
      const handles = called.map(({ handle }) => handle).filter((handle) => !this.#bodies.has(handle));
      this.#isReadingAhead = this.#ask(handles, () => {
        this.#isReadingAhead = false;
        this.#called(called);
      });
      if (!this.#isReadingAhead) this.#called(called);
    }
  }

  /** They have come, or are not wanted any more: what is kept of them is counted as such. */
  #called(called: readonly Ahead[]): void {
    for (const { origin } of called) this.#count(origin, -1);
  }

  #leave(handle: Handle): number | null {
    const slot = this.#bodies.get(handle);
    if (slot === undefined) return null;
    this.#bodies.delete(handle);
    this.#count(this.#store.markOf(slot), -1);
    return slot;
  }

  #count(origin: number, by: 1 | -1): void {
    const crowd = this.#perOrigin.get(origin) ?? { bodies: 0, dueAtMs: null, dueTogether: 0 };
    crowd.bodies += by;
    if (crowd.bodies === 0) this.#perOrigin.delete(origin);
    else this.#perOrigin.set(origin, crowd);
  }

  /** False: there is nothing to read. */
  #ask(wanted: readonly Handle[], done: () => void): boolean {
    const owner = this.#owner;
    const handles = wanted.filter((handle) => owner.bodySeq(handle) !== 0);
    if (handles.length === 0) return false;
    const seqs = handles.map((handle) => owner.bodySeq(handle));
    const incarnation = this.#incarnation;
    owner.reads.ask({ op: 'bodies', partition: owner.partition, seqs }, (reply) => {
      if (incarnation !== this.#incarnation) return;
      done();
      if (reply.op === 'failed') {
        owner.failed(reply.detail);
      } else if (reply.op === 'bodies') {
        if (reply.damaged.length > 0) owner.failed(`record ${reply.damaged[0]} fails its checksum`);
        for (let at = 0; at < handles.length; at++) {
          // The row may have been freed and used again meanwhile.
          if (owner.bodySeq(handles[at]!) === seqs[at] && incarnation === this.#incarnation)
            owner.came(handles[at]!, reply.bodies[at]!);
        }
      }
    });
    return true;
  }
}
