/**
 * How far the recovery after a stop has come, and when it will be done: for `GET /health`.
 *
 * The backlog of each origin drains at a bounded rate, so the longest one says how long it takes at least. What is slower than
 * that (a destination that is slow, limited or paused) shows in how fast the whole has drained lately, and the later of the
 * two is told. While nothing drains, nobody knows.
 */
import type { MonoMs } from '../kernel/brand.js';

/** Samples of a second. */
const samplesMax = 10;

interface Sample {
  readonly at: MonoMs;
  readonly overdue: number;
}

export class RecoveryProgress {
  readonly #ratePerSecond: number;
  /** Oldest first. */
  #samples: Sample[] = [];

  /** `ratePerSecond`: of each origin. */
  constructor(ratePerSecond: number) {
    this.#ratePerSecond = ratePerSecond;
  }

  /** To be called about once a second. */
  sample(at: MonoMs, overdue: number): void {
    // More than before: another part of the engine has begun, and with it the reckoning.
    if (overdue === 0 || overdue > (this.#samples.at(-1)?.overdue ?? 0)) this.#samples = [];
    if (overdue === 0) return;
    this.#samples.push({ at, overdue });
    if (this.#samples.length > samplesMax) this.#samples.shift();
  }

  /** Milliseconds from now; null: nothing is overdue, or nobody knows. `longest`: events of the origin that has most. */
  doneInMs({ overdue, longest }: { readonly overdue: number; readonly longest: number }): number | null {
    if (overdue === 0) return null;
    const pacedMs = (longest / this.#ratePerSecond) * 1_000;
    const oldest = this.#samples[0];
    const newest = this.#samples.at(-1);
    if (oldest === undefined || newest === undefined || newest.at - oldest.at < 2_000) return pacedMs;
    const drained = oldest.overdue - newest.overdue;
    if (drained <= 0) return null;
    return Math.max(pacedMs, (overdue * (newest.at - oldest.at)) / drained);
  }
}
