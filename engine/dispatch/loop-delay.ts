/** How late this thread's event loop is: samples of how long a timer had to wait beyond its time. */
import { setInterval } from 'node:timers';

const sampleMs = 25;

export class LoopDelay {
  readonly #timer: NodeJS.Timeout;
  #expectedMs = performance.now() + sampleMs;
  #samples: number[] = [];

  constructor() {
    this.#timer = setInterval(() => this.#sample(), sampleMs);
    this.#timer.unref();
  }

  /** In milliseconds, since the last call. */
  take(): readonly number[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const now = performance.now();
    this.#samples.push(Math.max(0, now - this.#expectedMs));
    this.#expectedMs = now + sampleMs;
  }
}
