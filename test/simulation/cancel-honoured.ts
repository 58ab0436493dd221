/** I6: once a cancel has been answered with the cancelled event, no attempt starts. */
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker } from './checker.js';

export class CancelHonoured implements Checker {
  readonly name = 'cancel-honoured';
  readonly #cancelled = new Set<string>();

  happened(happening: Happening): void {
    if (happening.what === 'answered') {
      const { reply } = happening;
      if ((reply.op === 'event' || reply.op === 'replayed') && reply.view.status === 'CANCELLED') {
        this.#cancelled.add(Buffer.from(reply.view.id).toString('hex'));
      }
    }
    if (happening.what !== 'started') return;
    const { event, attempt } = happening.attempt;
    if (this.#cancelled.has(event.replaceAll('-', ''))) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts although its cancel was answered`);
    }
  }
}
