/**
 * How long a thread lets a message wait: the delay of its event loop.
 *
 * The timer that sends the thread's figures asks for a turn four times a second, and how late it gets it is noted. A turn that is
 * asked for while the thread is busy waits as long as a message that arrives then would, so the samples are what arrivals at random
 * moments see: what is often the case shows within seconds, a stall of 50 ms that happens once is seen one time in five. A stall
 * longer than the period swallows turns: each of them counts with its own wait, as if the timer had been there. Without that a
 * stall of ten seconds would weigh as much as one good moment, and the p99 would not know of it.
 *
 * It has no timer of its own: 20 to 40 wake-ups a second on each thread were most of what an idle process did.
 * `perf_hooks.monitorEventLoopDelay` was refused: it wakes the thread itself, however idle; it can only be read as a whole or reset,
 * and the interval in which a reset falls is lost with everything in it (a stall of 500 ms that began right behind a reset was not
 * seen at all); it counts a stall once; and its values include the timer's own period. Timers have whole milliseconds, so up to
 * about 1 ms of delay is the timer's own.
 *
 * One instance per thread.
 */
import type { Clock } from './clock.js';
import type { MonoMs } from './brand.js';

/** How often a thread's figures are looked at, and its delay with them. */
export const loopDelayPeriodMs = 250;
/** Turns counted for one stall: five minutes' worth; beyond it the distribution says nothing new. */
const swallowedTurnsMax = 1_200;

export interface LoopDelayParts {
  readonly clock: Pick<Clock, 'monoMs'>;
  readonly periodMs?: number;
  /** A sample, below zero when the turn came early. */
  note(delayMs: number): void;
}

export class LoopDelay {
  readonly #parts: LoopDelayParts;
  readonly #periodMs: number;
  #expectedAtMs: MonoMs;

  /** The first turn is expected a period from now. */
  constructor(parts: LoopDelayParts) {
    this.#parts = parts;
    this.#periodMs = parts.periodMs ?? loopDelayPeriodMs;
    this.#expectedAtMs = (parts.clock.monoMs() + this.#periodMs) as MonoMs;
  }

  /** A timer has been set just now. */
  begin(): void {
    this.#expectedAtMs = (this.#parts.clock.monoMs() + this.#periodMs) as MonoMs;
  }

  /** To be called by a timer, every period. */
  turn(): void {
    const now = this.#parts.clock.monoMs();
    let lateMs = now - this.#expectedAtMs;
    this.#parts.note(lateMs);
    for (let swallowed = 0; lateMs > this.#periodMs && swallowed < swallowedTurnsMax; swallowed++) {
      lateMs -= this.#periodMs;
      this.#parts.note(lateMs);
    }
    this.#expectedAtMs = (now + this.#periodMs) as MonoMs;
  }
}
