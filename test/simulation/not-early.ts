/** I2: no attempt starts before its time, nor before the records that made it due are on disk. */
import { decodeOutcome } from '../../engine/event/outcome-codec.js';
import { recordKinds } from '../../engine/event/record.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

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
    const accepted = records[0];
    if (accepted === undefined) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts before its acceptance is durable`);
    }
    const { scheduledAtMs } = decodeSpec(accepted.body);
    let dueAtMs = Math.max(scheduledAtMs, accepted.at) as number;
    if (attempt > 1) {
      const failures = records.filter(({ kind }) => kind === recordKinds.retrying);
      const cause = failures.find(({ body }) => decodeOutcome(body).attempt === attempt - 1);
      if (cause === undefined) {
        throw new BrokenPromise(
          this.name,
          `attempt ${attempt} of ${event} starts before the end of the one before it is durable`,
        );
      }
      dueAtMs = decodeOutcome(cause.body).nextAttemptAtMs ?? Number.POSITIVE_INFINITY;
    }
    if (wallMs < dueAtMs) {
      throw new BrokenPromise(
        this.name,
        `attempt ${attempt} of ${event} starts at ${wallMs}, ${dueAtMs - wallMs} ms before its time`,
      );
    }
  }
}
