/** An event that was not started by its expiry is not started any more, by the clock of the host that decides. */
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

/** From the decision to the end of the turn, in which the attempt is handed over. */
const turnMs = 50;
/** The thread may stand still between the two, more than once. */
const stallsMax = 5;

export class NotExpired implements Checker {
  readonly name = 'not-expired';
  readonly #scene: Scene;
  /** Attempts that were handed over in time: they may be made again later. */
  readonly #begun = new Set<string>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'handed-over') return;
    const { event, partition, attempt, wallMs } = happening;
    const name = `${event} ${attempt}`;
    const records = this.#scene.stored.of(partition, event);
    if (this.#begun.has(name) || records.length === 0 || this.#scene.world.disk.log(partition).isDamaged) return;
    this.#begun.add(name);
    const { expiresAtMs } = standingOf(records).spec;
    const slackMs = turnMs + stallsMax * this.#scene.world.options.weather.stallMsMax;
    if (expiresAtMs !== null && wallMs > expiresAtMs + slackMs) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts ${wallMs - expiresAtMs} ms after it expired`);
    }
  }
}
