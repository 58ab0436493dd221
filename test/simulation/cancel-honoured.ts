/** I6: once a cancel has been answered with the cancelled event, no attempt starts, unless an operator retries it. */
import { recordKinds } from '../../engine/event/record.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

export class CancelHonoured implements Checker {
  readonly name = 'cancel-honoured';
  readonly #scene: Scene;
  /** By event: the version in which it is cancelled. */
  readonly #cancelled = new Map<string, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'answered') {
      const { reply } = happening;
      if ((reply.op === 'event' || reply.op === 'replayed') && reply.view.status === 'CANCELLED') {
        this.#cancelled.set(formatEventId(reply.view.id), reply.view.version);
      }
    }
    if (happening.what === 'change-many' && happening.action.outcome === 'done') this.#takeIn();
    if (happening.what !== 'started') return;
    const { event, partition, attempt } = happening.attempt;
    const version = this.#cancelled.get(event);
    // What follows the cancel in a damaged log cannot be read.
    if (version === undefined || this.#scene.world.disk.log(partition).isDamaged) return;
    const since = this.#scene.stored.syncedOf(partition, event).slice(version);
    if (!since.some(({ kind }) => kind === recordKinds.retried)) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts although its cancel was answered`);
    }
  }

  /** A bulk change does not name what it has cancelled: all that is cancelled on disk when it is answered. */
  #takeIn(): void {
    const { world, stored } = this.#scene;
    for (const partition of world.partitions) {
      for (const event of stored.all(partition).keys()) {
        const durable = stored.syncedOf(partition, event);
        if (durable.at(-1)?.kind === recordKinds.cancelled) this.#cancelled.set(event, durable.length);
      }
    }
  }
}
