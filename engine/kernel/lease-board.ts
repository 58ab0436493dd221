/**
 * Until when may this node act as an owner, in which session, and do its hosts live? Memory that the main thread, hosts and couriers share.
 *
 * The main thread renews the node's session and grants the lease; whoever starts an attempt looks here, on its own thread and without a message, since a
 * message could be as old as the stall that it should have told of. Hosts count up that they live, and the main thread renews only for those that do.
 *
 * The lease is over when the first of two clocks says so. The monotonic clock never steps, but it stands still while the machine is suspended; the wall
 * clock goes on then, and may be set. `performance.now()` counts from another moment on each thread, `process.hrtime` does not.
 *
 * A node that was cut off may be back with a new session before all of its threads have heard that the old one is over. So sessions are counted here, a term
 * each: whoever decides notes the term in which the partition was taken, and whoever starts something asks whether the lease is ahead in that one.
 *
 * Invariants: not ahead before the first grant; a grant replaces the one before, also by an earlier end; never ahead again in a term that has ended.
 *
 * Written by the main thread (the lease) and by each host (its own beat).
 */
const untilMachine = 0;
const untilWall = 1;
const words = 2;
const wordBytes = 8;
/** Of the counters behind them: the term, then a host's beat each. */
const termAt = 0;
const firstBeatAt = 1;
/** The wall clock is slewed and stepped by a little now and then; that is no suspension. */
const wallSlackMs = 250;
const nanosPerMs = 1_000_000;

export class LeaseBoard {
  readonly shared: SharedArrayBuffer;
  /** Nanoseconds of the machine's monotonic clock, milliseconds of the wall clock: the lease ends at the earlier one. */
  readonly #until: BigInt64Array;
  readonly #counters: Int32Array;

  static create(hosts: number): LeaseBoard {
    return new LeaseBoard(new SharedArrayBuffer(words * wordBytes + (firstBeatAt + hosts) * Int32Array.BYTES_PER_ELEMENT));
  }

  /** Of another thread's board. */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#until = new BigInt64Array(shared, 0, words);
    this.#counters = new Int32Array(shared, words * wordBytes);
  }

  get hosts(): number {
    return this.#counters.length - firstBeatAt;
  }

  /** Until `machineMs` of `machineNow`; 0: over. */
  grantUntil(machineMs: number): void {
    const wallMs = Date.now() + (machineMs - machineNow()) + wallSlackMs;
    Atomics.store(this.#until, untilWall, BigInt(Math.floor(machineMs === 0 ? 0 : wallMs)));
    Atomics.store(this.#until, untilMachine, BigInt(Math.floor(machineMs * nanosPerMs)));
  }

  /** The session is over: what was taken in it starts nothing any more, also when there is a lease again. */
  endTerm(): void {
    this.grantUntil(0);
    Atomics.add(this.#counters, termAt, 1);
  }

  /** Sessions that have ended. */
  get term(): number {
    return Atomics.load(this.#counters, termAt);
  }

  /** The term is looked at last: it ends before there is another lease, so an old one is never taken for ahead. */
  isAheadIn(term: number): boolean {
    return this.isAhead && this.term === term;
  }

  get isAhead(): boolean {
    return (
      process.hrtime.bigint() < Atomics.load(this.#until, untilMachine) &&
      BigInt(Date.now()) < Atomics.load(this.#until, untilWall)
    );
  }

  /** A host shows that it lives: its event loop turns and its work gets done. */
  beat(host: number): void {
    Atomics.add(this.#counters, firstBeatAt + host, 1);
  }

  /** Differs from what it was if the host has lived since. */
  beats(host: number): number {
    return Atomics.load(this.#counters, firstBeatAt + host);
  }
}

/** Milliseconds of the machine's monotonic clock, the same on every thread. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / nanosPerMs;
}
