/**
 * An owner as it is asked: by other nodes, and by its own front. It denies nothing, and gives no name away, before it knows of what was kept.
 *
 *     new events, a spec that is put --last look not older than `keptUnheardMs`--> host
 *                                   \--older--> looks --> host
 *     anything else --> host --there is no such event--> looks --> host once more
 *
 * Whoever keeps new events because no owner answers is told so `keptUnheardMs` after they are safe (`sheaf-errand.ts`). So whoever has heard that
 * an event is accepted finds it, and nobody gets its name for another one: whatever comes behind that answer is decided behind a look that began when the
 * event was safe. New events may be overtaken on their way here by themselves, as they were kept: behind a look that has taken something in they are
 * decided as if they had been asked before. If NATS does not say what is kept, the owner is none for the moment, and is asked again.
 *
 * Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError } from '../../kernel/errors.js';
import { keptUnheardMs } from '../../kernel/limits.js';
import type { Asker, ForwardedSheaf, Unnumbered } from '../../router/host-link.js';
import type { TakenIn } from './kept-events.js';
import type { OpenPartitions } from './open-partitions.js';
import type { OwnerHost } from './sheaf-errand.js';

export interface SureOwnerParts {
  readonly partition: PartitionId;
  readonly host: OwnerHost;
  readonly open: Pick<OpenPartitions, 'unawareMs' | 'becomeAware' | 'hasTakenInLately'>;
}

export class SureOwner implements OwnerHost {
  readonly #parts: SureOwnerParts;

  constructor(parts: SureOwnerParts) {
    this.#parts = parts;
  }

  askFor(asker: Asker, request: Unnumbered): void {
    const { host } = this.#parts;
    const ask = (): void => host.askFor(asker, request);
    if (request.op === 'put') {
      this.#aware(ask, () => asker.refused(this.#notNow()));
      return;
    }
    const refused = (error: EngineError): void => {
      if (error.code !== 'not-found') {
        asker.refused(error);
        return;
      }
      // What waits for room on the disk is there, and cannot be shown.
      this.#look((taken) => (taken === 'all' || taken === 'nothing' ? ask() : asker.refused(this.#notNow())));
    };
    host.askFor({ answered: (reply) => asker.answered(reply), refused }, request);
  }

  forward(sheaf: ForwardedSheaf): void {
    const { host, open, partition } = this.#parts;
    this.#aware(
      () => host.forward(open.hasTakenInLately(partition) ? { ...sheaf, again: true } : sheaf),
      () => sheaf.sheaf.lost(() => this.#notNow()),
    );
  }

  #aware(go: () => void, notNow: () => void): void {
    const { open, partition } = this.#parts;
    if (open.unawareMs(partition) < keptUnheardMs) go();
    else this.#look((taken) => (taken === 'not now' ? notNow() : go()));
  }

  #look(then: (taken: TakenIn) => void): void {
    const { open, partition } = this.#parts;
    void open.becomeAware(partition).then(then);
  }

  /** Nothing was written. */
  #notNow(): EngineError {
    return new EngineError('not-owner', `partition ${this.#parts.partition}: what was kept for it is not known at the moment`);
  }
}
