import type { MonoMs, WallMs } from './brand.js';

/** The one door through which time comes in. Deciding code gets `now` as a value and never sees a clock. */
export interface Clock {
  /** Wall time, with a fraction; steps with the machine's clock, and may be ahead of `Date.now()` by less than a millisecond. */
  wallMs(): WallMs;
  /** Monotonic time of this thread's process; never steps. */
  monoMs(): MonoMs;
}

/** What `check` noticed: the wall clock moved against the monotonic one by `stepMs` (positive: forward). */
export interface ClockStep {
  readonly stepMs: number;
  readonly at: WallMs;
}

/** Steps below this are clock discipline (NTP slewing) and go unreported. */
const reportedStepMs = 500;

/**
 * Wall time at sub-millisecond resolution: monotonic time plus an offset.
 *
 * `Date.now()` alone is cut to whole milliseconds, which hides the lag that we measure; monotonic time alone misses the
 * steps of the machine's clock. So the offset is compared with `Date.now()` at every `check()` and taken anew when they
 * disagree. `Date.now()` cuts downwards, so a true offset shows a difference in (-1, 0]; only what lies outside is moved.
 *
 * A thread may lose its processor between two looks at clocks, on a busy machine for tens of milliseconds. So monotonic time is read on both sides
 * of `Date.now()`: what may lie between them is no disagreement. Else the clock would be late until the next check, and what is asked for "in two
 * seconds" would come early by as much. `timeOrigin` is made of two looks as well, and so checked at once.
 *
 * One instance per thread.
 */
export class SystemClock implements Clock {
  #offsetMs = performance.timeOrigin;

  constructor() {
    this.check();
  }

  wallMs(): WallMs {
    return (this.#offsetMs + performance.now()) as WallMs;
  }

  monoMs(): MonoMs {
    return performance.now() as MonoMs;
  }

  /** Compare with the machine's clock; to be called about once a second. Returns a step worth a report, else null. */
  check(): ClockStep | null {
    const before = performance.now();
    const wallMs = Date.now();
    const after = performance.now();
    const [leastMs, mostMs] = [wallMs - (this.#offsetMs + after), wallMs - (this.#offsetMs + before)];
    const stepMs = leastMs > 0.5 ? leastMs : mostMs <= -1 ? mostMs : 0;
    this.#offsetMs += stepMs;
    return Math.abs(stepMs) < reportedStepMs ? null : { stepMs, at: wallMs as WallMs };
  }
}
