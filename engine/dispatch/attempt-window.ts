/**
 * How the attempts that ended lately at one origin went: totals over a sliding time window.
 *
 * Keeping each end would cost 120,000 entries at 12,000 attempts/s, so ends are counted in steps of half a second; the
 * window then covers between 9.5 and 10 s. A step that nobody counted in (an origin without traffic) is emptied when time
 * has moved past it, however long that took.
 */
import type { MonoMs } from '../kernel/brand.js';

const stepMs = 500;
const steps = 20;
export const windowMs = stepMs * steps;

export class AttemptWindow {
  readonly #ended = new Uint32Array(steps);
  readonly #failed = new Uint32Array(steps);
  #step = 0;
  #endedTotal = 0;
  #failedTotal = 0;

  get ended(): number {
    return this.#endedTotal;
  }

  get failed(): number {
    return this.#failedTotal;
  }

  record(now: MonoMs, failed: boolean): void {
    this.#moveTo(Math.floor(now / stepMs));
    const at = this.#step % steps;
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

  #moveTo(step: number): void {
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
