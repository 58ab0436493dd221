/** The delay of this thread's event loop (`kernel/loop-delay.ts`), as a distribution. */
import { LoopDelay, type LoopDelayParts } from '../kernel/loop-delay.js';
import type { LatencyFigures } from './figures.js';
import { LatencyRecorder } from './latency.js';

export class EventLoopDelay {
  readonly #recorder = new LatencyRecorder();
  readonly #delay: LoopDelay;

  constructor(parts: Omit<LoopDelayParts, 'note'>) {
    this.#delay = new LoopDelay({ ...parts, note: (delayMs) => this.#recorder.record(delayMs) });
  }

  /** A timer has been set. Without it the first turn is expected a period after this was made. */
  begin(): void {
    this.#delay.begin();
  }

  /** To be called by a timer, every period. */
  turn(): void {
    this.#delay.turn();
  }

  figures(): LatencyFigures {
    return this.#recorder.figures();
  }
}
