/**
 * At most so many per second: a token bucket without counting tokens.
 *
 * Kept is the moment at which the bucket will be full again. Taking a token moves it on by one interval, and there is a token
 * while it lies less than the bucket's depth ahead. So no rounding adds up, however long it runs: within any span of time no
 * more are taken than the rate times the span and what the bucket holds.
 *
 * It holds what comes in within `depthMs`, at least one: as much as a thread that is late may catch up with. A slow rate is
 * therefore evenly spaced, and a destination never sees a burst after a quiet hour.
 *
 * Times are monotonic. Owned by one origin of one courier.
 */
import type { MonoMs } from '../kernel/brand.js';

const depthMs = 50;
/** Of a fast rate several come at a time, so that the thread is not woken for each. */
const wakeMs = 5;

export class TokenBucket {
  readonly ratePerSecond: number;
  readonly #intervalMs: number;
  readonly #depthMs: number;
  /** It is full from here on. */
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(ratePerSecond: number) {
    this.ratePerSecond = ratePerSecond;
    this.#intervalMs = 1_000 / ratePerSecond;
    this.#depthMs = Math.max(depthMs, this.#intervalMs);
  }

  has(now: MonoMs): boolean {
    return this.#missingMs(now) <= 0;
  }

  /** Only when there is one. */
  take(now: MonoMs): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, now) + this.#intervalMs;
  }

  /** One was not used. */
  giveBack(): void {
    this.#fullAtMs -= this.#intervalMs;
  }

  /** When to look again; 0: there is one. */
  waitMs(now: MonoMs): number {
    const missingMs = this.#missingMs(now);
    return missingMs <= 0 ? 0 : Math.max(missingMs, Math.min(wakeMs, this.#intervalMs));
  }

  #missingMs(now: MonoMs): number {
    return Math.max(this.#fullAtMs, now) + this.#intervalMs - this.#depthMs - now;
  }
}
