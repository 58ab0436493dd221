/**
 * How the attempts that ended lately at one origin went: totals over a sliding time window.
 *
 * Keeping each end would cost 120,000 entries at 12,000 attempts/s, so ends are counted in steps: of half a second
 * for the breaker, whose window then covers between 9.5 and 10 s. A step that nobody counted in (an origin without traffic) is emptied when time
 * has moved past it, however long that took.
 */
import type { MonoMs } from '../kernel/brand.js';

export class AttemptWindow {
  readonly #stepMs: number;
  readonly #ended: Uint32Array;
  readonly #failed: Uint32Array;
  #step = 0;
  #endedTotal = 0;
  #failedTotal = 0;

  constructor({ windowMs, steps }: { readonly windowMs: number; readonly steps: number }) {
    this.#stepMs = windowMs / steps;
    this.#ended = new Uint32Array(steps);
    this.#failed = new Uint32Array(steps);
  }

  get ended(): number {
    return this.#endedTotal;
  }

  get failed(): number {
    return this.#failedTotal;
  }

  record(now: MonoMs, failed: boolean): void {
    this.moveOn(now);
    const at = this.#step % this.#ended.length;
    this.#ended[at]! += 1;
    this.#endedTotal += 1;
    if (!failed) return;
    this.#failed[at]! += 1;
    this.#failedTotal += 1;
  }

  clear(): void {
    this.#ended.fill(0);
    this.#failed.fill(0);
    this.#endedTotal = 0;
    this.#failedTotal = 0;
  }

  /** Forgets what is too old by now; whoever reads after a quiet time calls it first. */
  moveOn(now: MonoMs): void {
    const step = Math.floor(now / this.#stepMs);
    const steps = this.#ended.length;
    if (step - this.#step >= steps) this.clear();
    else for (let passed = this.#step + 1; passed <= step; passed++) this.#forget(passed % steps);
    this.#step = step;
  }

  #forget(at: number): void {
    this.#endedTotal -= this.#ended[at]!;
    this.#failedTotal -= this.#failed[at]!;
    this.#ended[at] = 0;
    this.#failed[at] = 0;
  }
}
