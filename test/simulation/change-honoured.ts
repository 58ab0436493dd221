/**
 * Once a change has been answered with the event as it is behind it, no attempt starts with an older spec; and once the retries of a
 * running event were stopped, no attempt follows the one that runs, unless an operator retries it.
 */
import { recordKinds } from '../../engine/event/record.js';
import type { EventView } from '../../engine/event/view.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Asked, Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

export class ChangeHonoured implements Checker {
  readonly name = 'change-honoured';
  readonly #scene: Scene;
  /** By event: the newest version that was answered. */
  readonly #answered = new Map<string, number>();
  /** By event: attempts that were said to be the last ones. */
  readonly #last = new Map<string, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'answered' && happening.reply.op === 'event') this.#remember(happening.asked, happening.reply.view);
    if (happening.what === 'started') this.#check(happening.attempt);
  }

  #remember({ op, change }: Asked, { id, version, status, attempts }: EventView): void {
    const event = formatEventId(id);
    this.#answered.set(event, Math.max(version, this.#answered.get(event) ?? 0));
    const stopped = change?.op === 'cancel' && change.stopRetries === true;
    if (op !== 'get' && stopped && status === 'DISPATCHED') this.#last.set(event, attempts);
  }

  #check({ event, partition, attempt, spec }: StartedAttempt): void {
    if (this.#scene.world.disk.log(partition).isDamaged) return;
    const records = this.#scene.stored.of(partition, event);
    const version = this.#answered.get(event) ?? 0;
    if (version > 0) {
      const { body, specAt } = standingOf(records.slice(0, version));
      const newer = records.slice(specAt).some((_, at) => isSame(standingOf(records.slice(0, specAt + at + 1)).body, spec));
      if (!isSame(body, spec) && !newer) {
        throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts as the event was before version ${specAt + 1}`);
      }
    }
    const last = this.#last.get(event);
    if (last === undefined || attempt <= last) return;
    const stoppedAt = records.findLastIndex(({ kind }) => kind === recordKinds.retriesStopped);
    if (records.slice(stoppedAt + 1).some(({ kind }) => kind === recordKinds.retried)) return;
    throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} follows attempt ${last}, which was to be the last`);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
