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
 * One instance per thread.
 */
export class SystemClock implements Clock {
  #offsetMs = performance.timeOrigin;

  wallMs(): WallMs {
    return (this.#offsetMs + performance.now()) as WallMs;
  }

  monoMs(): MonoMs {
    return performance.now() as MonoMs;
  }

  /** Compare with the machine's clock; to be called about once a second. Returns a step worth a report, else null. */
  check(): ClockStep | null {
    const differenceMs = Date.now() - (this.#offsetMs + performance.now());
    if (differenceMs > -1 && differenceMs <= 0.5) return null;
    this.#offsetMs += differenceMs;
    if (Math.abs(differenceMs) < reportedStepMs) return null;
    return { stepMs: differenceMs, at: Date.now() as WallMs };
  }
}
