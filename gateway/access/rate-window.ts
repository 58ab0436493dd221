/**
 * How many requests a key has left: a window that begins with a request and lasts its time, then the next one.
 *
 * Of the usual algorithms the one whose state two numbers describe exactly: what `RateLimit` announces is what will be
 * granted, and `Retry-After` is when it will be. Its price is known: around the border of two windows twice the quota may
 * pass within one window's time.
 *
 * Headers follow draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy: "default";q=100;w=60` (the quota and its
 * window in seconds) and `RateLimit: "default";r=99;t=42` (what is left, and for how long).
 */
import type { RateLimit } from './api-key.js';

export interface RateState {
  readonly granted: boolean;
  readonly left: number;
  /** Whole seconds, at least 1, rounded up. */
  readonly resetS: number;
}

export class RateWindow {
  readonly limit: RateLimit;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #used = 0;

  constructor(limit: RateLimit) {
    this.limit = limit;
  }

  /** One more request, at a monotonic time. */
  take(nowMs: number): RateState {
    const { requests, windowS } = this.limit;
    if (nowMs - this.#beganAtMs >= windowS * 1_000) {
      this.#beganAtMs = nowMs;
      this.#used = 0;
    }
    const granted = this.#used < requests;
    if (granted) this.#used++;
    // From the time gone by, which is exactly 0 at the first request; an end in fractions would round to a second too much.
    const resetS = Math.max(1, Math.ceil(windowS - (nowMs - this.#beganAtMs) / 1_000));
    return { granted, left: requests - this.#used, resetS };
  }

  headers({ left, resetS }: RateState): readonly (readonly [name: string, value: string])[] {
    return [
      ['RateLimit-Policy', `"default";q=${this.limit.requests};w=${this.limit.windowS}`],
      ['RateLimit', `"default";r=${left};t=${resetS}`],
    ];
  }
}
