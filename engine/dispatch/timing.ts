/**
 * Time as a courier needs it: a clock, a timer, and "at the end of this turn". The thread has `SystemTiming`, the
 * simulator its own, so that the courier's core holds no timer of Node's.
 */
import type { MonoMs, WallMs } from '../kernel/brand.js';
import { type Clock, SystemClock } from '../kernel/clock.js';

export type CancelTimer = () => void;

export interface Timing extends Clock {
  /** Runs `task` once, about `delayMs` from now. Timers may come a little early: whoever must not, looks at the clock again. */
  after(delayMs: number, task: () => void): CancelTimer;
  /** Runs `task` after what this turn of the event loop still brings, so that its results leave in one message. */
  soon(task: () => void): void;
}

/** `setTimeout` turns anything above 2^31 - 1 ms into 1 ms. */
const timerMsMax = 2 ** 31 - 1;
/** What `Date.now()` cuts off is less than a whole millisecond. */
const cutOffMs = 0.999;

/**
 * Wall time with a fraction, but never another millisecond than `Date.now()` says: the fraction is for measuring lag, while
 * "has its time come?" must be answered as anybody else on this machine would answer it.
 */
export class SystemTiming implements Timing {
  readonly #clock = new SystemClock();

  wallMs(): WallMs {
    const whole = Date.now();
    return Math.min(Math.max(this.#clock.wallMs(), whole), whole + cutOffMs) as WallMs;
  }

  monoMs(): MonoMs {
    return this.#clock.monoMs();
  }

  /** To be called about once a second, as `SystemClock.check`. */
  check(): void {
    this.#clock.check();
  }

  after(delayMs: number, task: () => void): CancelTimer {
    const timer = setTimeout(task, Math.min(Math.max(Math.ceil(delayMs), 1), timerMsMax));
    return () => clearTimeout(timer);
  }

  soon(task: () => void): void {
    setImmediate(task);
  }
}
