/** No answer tells of something that a crash can still take back: neither "accepted", nor an event's state, nor a refusal's reason. */
import { statusesOf } from '../../engine/event/record.js';
import type { EventView } from '../../engine/event/view.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Asked, Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

export class AcknowledgedIsDurable implements Checker {
  readonly name = 'acknowledged-is-durable';
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'answered') return;
    const { asked, reply } = happening;
    if (this.#scene.world.disk.log(asked.partition).isDamaged) return;
    switch (reply.op) {
      case 'accepted':
        if (this.#scene.stored.syncedOf(asked.partition, asked.event).length === 0) this.#complain(asked, 'accepted');
        break;
      case 'event':
      case 'replayed':
        this.#checkView(asked, reply.view);
        break;
      case 'history':
        if (this.#scene.stored.syncedOf(asked.partition, asked.event).length < reply.entries.length)
          this.#complain(asked, 'history');
        break;
      case 'refused': {
        if (reply.event === null || reply.status === null) break;
        const records = this.#scene.stored.syncedOf(asked.partition, formatEventId(reply.event));
        if (!statusesOf(records).some((status) => status === reply.status))
          this.#complain(asked, `${reply.code} ${reply.status}`);
      }
    }
  }

  #checkView(asked: Asked, { id, status, version }: EventView): void {
    const records = this.#scene.stored.syncedOf(asked.partition, formatEventId(id));
    if (statusesOf(records)[version - 1] !== status) this.#complain(asked, `${status}, version ${version}`);
  }

  #complain({ op, number, event }: Asked, answer: string): never {
    throw new BrokenPromise(this.name, `request ${number} (${op} ${event}) is answered with "${answer}", which is not on disk`);
  }
}
