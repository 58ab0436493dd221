/** Where LOCAL deliveries end: how many came, how late each was, and whether one was early. */
import type { LocalHandler } from '../../engine/index.js';
import { until } from '../../test/support/deadline.js';
import { LagHistogram } from './lag-histogram.js';

export class LocalSink {
  readonly lag = new LagHistogram();
  arrived = 0;
  early = 0;
  /** Only what is due from then on is recorded as late; all of it is counted. */
  #fromMs = 0;

  readonly handler: LocalHandler = (batch) => {
    const now = performance.timeOrigin + performance.now();
    for (const { scheduledAt } of batch) {
      const dueAtMs = scheduledAt.getTime();
      // A delivery may be a fraction of a millisecond before `Date.now()` shows its time, never before the time itself.
      if (Math.floor(now) < dueAtMs) this.early++;
      if (dueAtMs >= this.#fromMs) this.lag.record(now - dueAtMs);
      this.arrived++;
    }
  };

  /** A new piece of a run: what is due before is of the last one. */
  begin(fromMs = Date.now()): void {
    this.lag.reset();
    this.#fromMs = fromMs;
  }

  /** Throws when they do not come. */
  async until(count: number, withinMs: number): Promise<void> {
    await until(`${count} deliveries`, () => this.arrived >= count, withinMs);
  }
}
