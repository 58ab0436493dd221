/** I2: no attempt starts before its time, nor before the records that made it due are on disk. */
import { decodeOutcome } from '../../engine/event/outcome-codec.js';
import { isOutcome } from '../../engine/event/record.js';
import type { Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

export class NotEarly implements Checker {
  readonly name = 'not-early';
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'started') this.#check(happening.attempt);
  }

  #check(started: StartedAttempt): void {
    const { event, partition, attempt, wallMs } = started;
    const { world, stored } = this.#scene;
    if (world.disk.log(partition).isDamaged) return;
    const records = stored.syncedOf(partition, event);
    if (records.length === 0) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts before its acceptance is durable`);
    }
    const ended = records.filter(({ kind }) => isOutcome(kind)).map(({ body }) => decodeOutcome(body).attempt);
    if (attempt > 1 && !ended.includes(attempt - 1)) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts before the end of the one before it is durable`);
    }
    const { dueAtMs } = standingOf(records);
    if (wallMs < dueAtMs) {
      throw new BrokenPromise(
        this.name,
        `attempt ${attempt} of ${event} starts at ${wallMs}, ${dueAtMs - wallMs} ms before its time`,
      );
    }
  }
}
