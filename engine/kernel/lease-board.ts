/**
 * Until when may this node act as an owner, and do its hosts live? Memory that the main thread, hosts and couriers share.
 *
 * The main thread renews the node's session and grants the lease; whoever starts an attempt looks here, on its own thread and without a message, since a
 * message could be as old as the stall that it should have told of. Hosts count up that they live, and the main thread renews only for those that do.
 *
 * The lease is over when the first of two clocks says so. The monotonic clock never steps, but it stands still while the machine is suspended; the wall
 * clock goes on then, and may be set. `performance.now()` counts from another moment on each thread, `process.hrtime` does not.
 *
 * Invariants: not ahead before the first grant; a grant replaces the one before, also by an earlier end.
 *
 * Written by the main thread (the lease) and by each host (its own beat).
 */
const untilMachine = 0;
const untilWall = 1;
const words = 2;
const wordBytes = 8;
/** The wall clock is slewed and stepped by a little now and then; that is no suspension. */
const wallSlackMs = 250;
const nanosPerMs = 1_000_000;

export class LeaseBoard {
  readonly shared: SharedArrayBuffer;
  /** Nanoseconds of the machine's monotonic clock, milliseconds of the wall clock: the lease ends at the earlier one. */
  readonly #until: BigInt64Array;
  readonly #beats: Int32Array;

  static create(hosts: number): LeaseBoard {
    return new LeaseBoard(new SharedArrayBuffer(words * wordBytes + hosts * Int32Array.BYTES_PER_ELEMENT));
  }

  /** Of another thread's board. */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#until = new BigInt64Array(shared, 0, words);
    this.#beats = new Int32Array(shared, words * wordBytes);
  }

  get hosts(): number {
    return this.#beats.length;
  }

  /** Until `machineMs` of `machineNow`; 0: over. */
  grantUntil(machineMs: number): void {
    const wallMs = Date.now() + (machineMs - machineNow()) + wallSlackMs;
    Atomics.store(this.#until, untilWall, BigInt(Math.floor(machineMs === 0 ? 0 : wallMs)));
    Atomics.store(this.#until, untilMachine, BigInt(Math.floor(machineMs * nanosPerMs)));
  }

  get isAhead(): boolean {
    return (
      process.hrtime.bigint() < Atomics.load(this.#until, untilMachine) &&
      BigInt(Date.now()) < Atomics.load(this.#until, untilWall)
    );
  }

  /** A host shows that it lives: its event loop turns and its work gets done. */
  beat(host: number): void {
    Atomics.add(this.#beats, host, 1);
  }

  /** Differs from what it was if the host has lived since. */
  beats(host: number): number {
    return Atomics.load(this.#beats, host);
  }
}

/** Milliseconds of the machine's monotonic clock, the same on every thread. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / nanosPerMs;
}
