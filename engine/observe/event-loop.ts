/**
 * How long a thread lets a message wait: the delay of its event loop.
 *
 * A timer asks for a turn every 50 ms and notes how late it gets it. A turn that is asked for while the thread is busy waits as
 * long as a message that arrives then would, so the samples are what arrivals at random moments see. A stall longer than the
 * period swallows turns: each of them counts with its own wait, as if the timer had been there. Without that a stall of a second
 * would weigh as much as one good moment, and the p99 would not know of it.
 *
 * `perf_hooks.monitorEventLoopDelay` was refused: it can only be read as a whole or reset, and the interval in which a reset falls
 * is lost with everything in it (a stall of 500 ms that began right behind a reset was not seen at all); it counts a stall once;
 * and its values include the timer's own period. Timers have whole milliseconds, so up to about 1 ms of delay is the timer's own.
 *
 * Twenty wake-ups a second cost a thread about 0.1 % of a core. One instance per thread.
 */
import type { MonoMs } from '../kernel/brand.js';
import type { Clock } from '../kernel/clock.js';
import type { LatencyFigures } from './figures.js';
import { LatencyRecorder } from './latency.js';

const periodMs = 50;
/** Turns counted for one stall: one minute's worth; beyond it the distribution says nothing new. */
const swallowedTurnsMax = 1_200;

export class EventLoopDelay {
  readonly #clock: Pick<Clock, 'monoMs'>;
  readonly #recorder = new LatencyRecorder();
  #timer: NodeJS.Timeout | null = null;
  #expectedAtMs: MonoMs;

  constructor(clock: Pick<Clock, 'monoMs'>) {
    this.#clock = clock;
    this.#expectedAtMs = (clock.monoMs() + periodMs) as MonoMs;
  }

  /** Does not keep the thread alive. */
  start(): void {
    this.#expectedAtMs = (this.#clock.monoMs() + periodMs) as MonoMs;
    this.#timer = setInterval(() => this.turn(), periodMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** The timer got its turn. Called by it alone, and by tests. */
  turn(): void {
    const now = this.#clock.monoMs();
    let lateMs = now - this.#expectedAtMs;
    this.#recorder.record(lateMs);
    for (let swallowed = 0; lateMs > periodMs && swallowed < swallowedTurnsMax; swallowed++) {
      lateMs -= periodMs;
      this.#recorder.record(lateMs);
    }
    this.#expectedAtMs = (now + periodMs) as MonoMs;
  }

  figures(): LatencyFigures {
    return this.#recorder.figures();
  }
}
