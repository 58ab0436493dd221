/** An event that was not started by its expiry is not started any more, by the clock of the host that decides. */
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

/** From the decision to the end of the turn, in which the attempt is handed over. */
const turnMs = 50;

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
    const accepted = this.#scene.stored.of(partition, event)[0];
    if (this.#begun.has(name) || accepted === undefined || this.#scene.world.disk.log(partition).isDamaged) return;
    this.#begun.add(name);
    const { expiresAtMs } = decodeSpec(accepted.body);
    if (expiresAtMs !== null && wallMs > expiresAtMs + turnMs) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts ${wallMs - expiresAtMs} ms after it expired`);
    }
  }
}
