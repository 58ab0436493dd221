/**
 * New events of one partition that left together, until each of them is answered: asked of the owner of the moment, again of the next one, and kept if it takes too long.
 *
 * An owner that has decided about some of them, and whose answer was lost, finds that it has when it is asked again, since they bear their ids.
 *
 * Main thread.
 */
import type { EventView } from '../event/view.js';
import { EngineError, InvariantError } from '../kernel/errors.js';
import { formatEventId } from '../kernel/event-id.js';
import { ownerAnswersMs } from '../kernel/limits.js';
import { idInSheaf } from '../log/event-sheaf.js';
import type { HostLink } from '../router/host-link.js';
import { type NewEventsAsker, OpenSheaf } from '../router/open-sheaf.js';

export type OwnerHost = Pick<HostLink, 'askFor' | 'forward'>;

/** Waits for another owner, or under way. */
export interface Errand {
  /** False: it is settled by now. */
  isOpen(): boolean;
  readonly since: number;
  againAt: number;
  /** `owner` null: there is none, and its time may be over. */
  go(owner: OwnerHost | null, now: number): void;
}

interface SheafErrandParts {
  readonly sheaf: OpenSheaf;
  readonly events: Uint8Array;
  readonly since: number;
  wait(): void;
  keep(events: Uint8Array): Promise<boolean>;
  unavailable(): EngineError;
  /** All are answered. */
  over(): void;
}

/** New events that left together. */
export class SheafErrand implements Errand {
  readonly since: number;
  againAt = 0;
  readonly #parts: SheafErrandParts;
  /** Somebody may have decided about some of them. */
  #mayBeThere = false;
  #isBeingKept = false;

  constructor(parts: SheafErrandParts) {
    this.#parts = parts;
    this.since = parts.since;
  }

  isOpen(): boolean {
    return this.#parts.sheaf.left > 0;
  }

  go(owner: OwnerHost | null): void {
    const { sheaf, events, wait } = this.#parts;
    if (owner === null) {
      wait();
      return;
    }
    const asked = new OpenSheaf(sheaf.partition);
    const attempt = new SheafAttempt({
      sheaf,
      events,
      comesBack: (isLost) => {
        this.#mayBeThere ||= isLost;
        if (sheaf.left === 0) this.#parts.over();
        else wait();
      },
    });
    const bytes = Math.ceil(sheaf.bytes / sheaf.count);
    for (let place = 0; place < sheaf.count; place++) asked.add(attempt, place, bytes);
    owner.forward({ events, again: this.#mayBeThere, sheaf: asked });
  }

  tick(now: number): void {
    if (this.#isBeingKept || now - this.since < ownerAnswersMs || !this.isOpen()) return;
    this.#isBeingKept = true;
    void this.#keep();
  }

  async #keep(): Promise<void> {
    const { sheaf, keep, events, unavailable, over } = this.#parts;
    const isSafe = await keep(events);
    if (!this.isOpen()) return;
    if (isSafe) sheaf.kept();
    else if (!this.#mayBeThere) sheaf.lost(unavailable);
    else
      sheaf.lost(
        (event) => new EngineError('outcome-unknown', unavailable().message, { members: { event_id: formatEventId(event) } }),
      );
    over();
  }
}

interface SheafAttemptParts {
  readonly sheaf: OpenSheaf;
  readonly events: Uint8Array;
  /** Every event was answered or came back. `isLost`: of some of them nobody knows what became. */
  readonly comesBack: (isLost: boolean) => void;
}

/** One try to have a sheaf decided by one owner. */
class SheafAttempt implements NewEventsAsker {
  readonly #sheaf: OpenSheaf;
  readonly #events: Uint8Array;
  readonly #comesBack: (isLost: boolean) => void;
  #open: number;
  #isLost = false;

  constructor({ sheaf, events, comesBack }: SheafAttemptParts) {
    this.#sheaf = sheaf;
    this.#events = events;
    this.#comesBack = comesBack;
    this.#open = sheaf.count;
  }

  accepted(place: number): void {
    this.#sheaf.accepted(place, 1);
    this.#settled();
  }

  /** Under its own id: it was decided before, and the answer was lost. */
  replayed(place: number, view: EventView): void {
    if (Buffer.compare(view.id, this.eventAt(place)) === 0) this.#sheaf.accepted(place, 1);
    else this.#sheaf.replayed(place, view);
    this.#settled();
  }

  refused(place: number, error: EngineError | InvariantError): void {
    const isLost = error instanceof EngineError && error.code === 'outcome-unknown';
    this.#isLost ||= isLost;
    const comesAgain = isLost || (error instanceof EngineError && error.code === 'not-owner');
    if (!comesAgain) this.#sheaf.refused(place, error);
    this.#settled();
  }

  kept(): void {
    throw new InvariantError('an owner keeps nothing for the next one');
  }

  eventAt(place: number): Uint8Array {
    return idInSheaf(this.#events, place);
  }

  #settled(): void {
    if (--this.#open === 0) this.#comesBack(this.#isLost);
  }
}
