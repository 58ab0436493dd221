/** At most so many attempts run at one origin at once as it allows, whoever asked for them. */
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker } from './checker.js';

export class SlotsKept implements Checker {
  readonly name = 'slots-kept';
  readonly #concurrency: number;
  readonly #running = new Map<string, number>();

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'started' && happening.what !== 'ended') return;
    const { origin, courier } = happening.attempt;
    const place = `${origin} by courier ${courier}`;
    const running = (this.#running.get(place) ?? 0) + (happening.what === 'started' ? 1 : -1);
    this.#running.set(place, running);
    if (running > this.#concurrency)
      throw new BrokenPromise(this.name, `${running} attempts run at ${place}, ${this.#concurrency} may`);
  }
}
