/**
 * Virtual time and the one queue in which everything happens.
 *
 * A run is a row of steps: the earliest entry of the queue is taken, time jumps to it, its task runs. Who chooses the delays
 * (a seeded generator, or fixed ones in a scenario) chooses the history, so the same choices give the same run. There is no
 * thread and no real waiting: an hour of virtual time costs what happens in it.
 *
 * The courier is written with promises. After a step that touched it, everything that promises still have to do is done
 * before the next step: their order among themselves is fixed, so the run stays repeatable.
 */
import type { MonoMs, WallMs } from '../../engine/kernel/brand.js';
import type { Clock } from '../../engine/kernel/clock.js';
import type { Weather } from './simulated-weather.js';

/** When the virtual machine was switched on. */
export const epochMs = Date.UTC(2026, 10, 20, 12);
/** Steps that a trace remembers. */
const traceMax = 400;

interface Entry {
  readonly at: number;
  /** Breaks ties, so that equal times come in the order in which they were asked for. */
  readonly order: number;
  readonly label: string;
  readonly task: () => void;
  cancelled: boolean;
}

export type Cancel = () => void;

export class Scheduler {
  readonly #heap: Entry[] = [];
  readonly #trace: string[] = [];
  #now = 0;
  #order = 0;
  #steps = 0;
  #hasPromises = false;
  #failure: Error | null = null;
  /** Of the machine's clock against monotonic time. */
  #wallOffset = epochMs;

  /** Milliseconds since the machine was switched on. */
  get now(): number {
    return this.#now;
  }

  get wall(): number {
    return this.#now + this.#wallOffset;
  }

  get steps(): number {
    return this.#steps;
  }

  /** When the next step is; null when nothing will ever happen. */
  get next(): number | null {
    this.#dropCancelled();
    return this.#heap[0]?.at ?? null;
  }

  after(delayMs: number, label: string, task: () => void): Cancel {
    return this.at(this.#now + Math.max(0, delayMs), label, task);
  }

  at(ms: number, label: string, task: () => void): Cancel {
    const entry: Entry = { at: ms, order: this.#order++, label, task, cancelled: false };
    push(this.#heap, entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** Work takes time: called by clocks that are read in the middle of a task. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** The machine's clock is set; monotonic time does not notice. */
  stepWall(byMs: number): void {
    this.#wallOffset += byMs;
  }

  /** This step touches code that uses promises. */
  touchesPromises(): void {
    this.#hasPromises = true;
  }

  /** The run cannot go on: thrown by this step, past all that would catch it in the engine. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** One step. False when there is none, or none up to `until`. */
  async step(until = Number.POSITIVE_INFINITY): Promise<boolean> {
    const isTaken = this.#take(until);
    if (this.#hasPromises) await this.#settle();
    return isTaken;
  }

  /** Everything up to `byMs` from now. A step without promises waits for none: most have none, and there are thousands. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs;
    while (this.#take(until)) if (this.#hasPromises) await this.#settle();
    this.#now = Math.max(this.#now, until);
  }

  /** Up to step `steps`, or to `until` if that comes first. */
  async advanceTo(steps: number, until: number): Promise<void> {
    while (this.#steps < steps && this.#take(until)) if (this.#hasPromises) await this.#settle();
  }

  #take(until: number): boolean {
    this.#throwFailure();
    this.#dropCancelled();
    const entry = this.#heap[0];
    if (entry === undefined || entry.at > until) return false;
    pop(this.#heap);
    this.#now = Math.max(this.#now, entry.at);
    this.#steps++;
    this.note(entry.label);
    entry.task();
    this.#throwFailure();
    return true;
  }

  /** Everything that promises still have to do. */
  async #settle(): Promise<void> {
    this.#hasPromises = false;
    await new Promise((resolve) => setImmediate(resolve));
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** A line for whoever reads the trace of a failed run. */
  note(line: string): void {
    if (line === '') return;
    this.#trace.push(`${this.#steps}\t${this.#now.toFixed(3)}\t${line}`);
    if (this.#trace.length > 2 * traceMax) this.#trace.splice(0, traceMax);
  }

  get trace(): readonly string[] {
    return this.#trace.slice(-traceMax);
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled) pop(this.#heap);
  }
}

/**
 * The clock of one thread: monotonic time plus an offset that is compared with the machine's now and then, so that a step is
 * noticed late, and by each thread at another moment.
 */
export class ThreadClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #weather: Pick<Weather, 'lookMs' | 'stallMs'>;
  #offset: number;
  /** Before the last check. */
  #offsetBefore: number;

  /** Of the weather is what a look costs, which makes a turn run out of its budget, and how long the thread has stood still before it. */
  constructor(scheduler: Scheduler, weather: Pick<Weather, 'lookMs' | 'stallMs'>) {
    this.#scheduler = scheduler;
    this.#weather = weather;
    this.#offset = scheduler.wall - scheduler.now;
    this.#offsetBefore = this.#offset;
  }

  wallMs(): WallMs {
    this.#scheduler.spend(this.#weather.stallMs());
    return (this.#scheduler.now + this.#offset) as WallMs;
  }

  monoMs(): MonoMs {
    this.#scheduler.spend(this.#weather.lookMs + this.#weather.stallMs());
    return this.#scheduler.now as MonoMs;
  }

  /** What it was for something that was decided a moment ago, when the last step forward may not have been noticed. */
  get wallAtLeast(): WallMs {
    return (this.#scheduler.now + Math.min(this.#offset, this.#offsetBefore)) as WallMs;
  }

  check(): void {
    this.#offsetBefore = this.#offset;
    this.#offset = this.#scheduler.wall - this.#scheduler.now;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
