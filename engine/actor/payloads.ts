/**
 * Bodies of events that are due soon, so that no attempt waits for a disk.
 *
 * Filled in two ways: an event that is due within 2 s of its acceptance keeps the body that came in; for the others the
 * wheel calls one second ahead and the reader fetches it. Bounded in bytes over the whole host: what finds no room is
 * read when it has its slot.
 */
import type { Handle, PartitionId, Sequence } from '../kernel/brand.js';
import type { Reads } from './reads.js';

/** Bytes held by all partitions of a host. */
export class PayloadBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Where a body is, and whether anybody still wants it when it comes. */
export interface PayloadOwner {
  readonly partition: PartitionId;
  readonly reads: Reads;
  /** Of the accepted record; 0 for a row that is free. */
  acceptedSeq(handle: Handle): Sequence;
  came(handle: Handle, body: Uint8Array): void;
  /** A body of a pending event cannot be read. */
  failed(detail: string): void;
}

/** Bodies in one read. */
const bodiesPerRead = 256;

export class Payloads {
  readonly #owner: PayloadOwner;
  readonly #budget: PayloadBudget;
  readonly #bodies = new Map<Handle, Uint8Array>();
  /** To be asked for at the end of the turn. */
  #wanted: Handle[] = [];
  /** Grows with `clear`: what was asked for before is not wanted any more. */
  #incarnation = 0;

  constructor(owner: PayloadOwner, budget: PayloadBudget) {
    this.#owner = owner;
    this.#budget = budget;
  }

  has(handle: Handle): boolean {
    return this.#bodies.has(handle);
  }

  /** Keeps a copy if there is room: a body is a view into a batch from another thread, which may go. */
  keep(handle: Handle, body: Uint8Array): void {
    if (this.#budget.isSpent || this.#bodies.has(handle)) return;
    this.#bodies.set(handle, body.slice());
    this.#budget.take(body.length);
  }

  /** The body, no longer kept here. */
  take(handle: Handle): Uint8Array | null {
    const body = this.#bodies.get(handle);
    if (body === undefined) return null;
    this.#bodies.delete(handle);
    this.#budget.giveBack(body.length);
    return body;
  }

  /** Read it if there is room and it is not here. */
  readAhead(handle: Handle): void {
    if (!this.#bodies.has(handle) && !this.#budget.isSpent) this.#wanted.push(handle);
  }

  /** Read it: somebody waits. */
  read(handle: Handle): void {
    this.#wanted.push(handle);
  }

  /** Asks for what was wanted during the turn. */
  flush(): void {
    if (this.#wanted.length === 0) return;
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let at = 0; at < wanted.length; at += bodiesPerRead) this.#ask(wanted.slice(at, at + bodiesPerRead));
  }

  clear(): void {
    for (const body of this.#bodies.values()) this.#budget.giveBack(body.length);
    this.#bodies.clear();
    this.#wanted = [];
    this.#incarnation++;
  }

  #ask(wanted: readonly Handle[]): void {
    const owner = this.#owner;
    const handles = wanted.filter((handle) => owner.acceptedSeq(handle) !== 0);
    if (handles.length === 0) return;
    const seqs = handles.map((handle) => owner.acceptedSeq(handle));
    const incarnation = this.#incarnation;
    owner.reads.ask({ op: 'bodies', partition: owner.partition, seqs }, (reply) => {
      if (incarnation !== this.#incarnation) return;
      if (reply.op === 'failed') {
        owner.failed(reply.detail);
      } else if (reply.op === 'bodies') {
        if (reply.damaged.length > 0) owner.failed(`record ${reply.damaged[0]} fails its checksum`);
        for (let at = 0; at < handles.length; at++) {
          // The row may have been freed and used again meanwhile.
          if (owner.acceptedSeq(handles[at]!) === seqs[at] && incarnation === this.#incarnation)
            owner.came(handles[at]!, reply.bodies[at]!);
        }
      }
    });
  }
}
