/**
 * New events of one partition that left together, until each of them is answered.
 *
 *     asked --> decided
 *       |  not the owner, or lost: waits, and is asked again
 *       +  1.25 s: on its way into the stream, for the next owner; asked again all the same
 *            |  stored --> 0.75 s later, and not before 2 s: kept
 *            +  not stored, or nobody knows --> refused
 *
 * An owner that has decided about some of them, and whose answer was lost, finds that it has when it is asked again, since they bear their ids.
 *
 * *Why nobody hears at once that they are kept.* An owner takes in what was kept before it takes requests, and hears of more or looks for them. One that
 * takes requests already, and could not be reached or does not answer, has found them by then, or looks before it denies or decides anything (`sure-owner.ts`):
 * whoever heard "accepted" earlier could ask it for an event that it does not know, or give the event's name to another one.
 *
 * Main thread.
 */
import { EngineError, InvariantError } from '../../kernel/errors.js';
import { formatEventId } from '../../kernel/event-id.js';
import { keptUnheardMs, ownerAnswersMs } from '../../kernel/limits.js';
import type { Placed } from '../../kernel/placed-set.js';
import { idInSheaf } from '../../log/event-sheaf.js';
import type { HostLink } from '../../router/host-link.js';
import { type DuplicateEvent, type NewEventsAsker, OpenSheaf } from '../../router/open-sheaf.js';

/** Who can be asked about a partition: a host of this node, or another node as one. */
export type OwnerHost = Pick<HostLink, 'askFor' | 'forward'>;

/** Waits for another owner, or under way. */
export interface Errand {
  /** False: it is settled by now. */
  isOpen(): boolean;
  readonly since: number;
  againAt: number;
  /** `owner` null: there is none, and its time may be over. */
  go(owner: OwnerHost | null, now: number): void;
  /** It is not asked any more. */
  giveUp(because: EngineError): void;
}

/** `unknown`: they may be in the stream. */
export type Keeping = 'stored' | 'not-stored' | 'unknown';

interface SheafErrandParts {
  readonly sheaf: OpenSheaf;
  readonly events: Uint8Array;
  readonly since: number;
  wait(): void;
  /** Never rejects. */
  keep(events: Uint8Array): Promise<Keeping>;
  unavailable(): EngineError;
  /** All are answered. `isAlone`: by the only one who was ever given the events, so that nobody has them any more. */
  over(isAlone: boolean): void;
  readonly monoMs: () => number;
}

export class SheafErrand implements Errand, Placed {
  place = -1;
  readonly since: number;
  againAt = 0;
  readonly #parts: SheafErrandParts;
  /** One who was asked may have decided about some of them. */
  #mayBeDecided = false;
  #isUnderWay = false;
  #isBeingKept = false;
  #wasAsked = false;
  /** Since when they are safe; null: they are not. */
  #safeSince: number | null = null;

  constructor(parts: SheafErrandParts) {
    this.#parts = parts;
    this.since = parts.since;
  }

  isOpen(): boolean {
    return this.#parts.sheaf.left > 0;
  }

  go(owner: OwnerHost | null): void {
    const { sheaf, events, wait, over } = this.#parts;
    if (owner === null) {
      wait();
      return;
    }
    const asked = new OpenSheaf(sheaf.partition);
    const isFirst = !this.#wasAsked;
    this.#wasAsked = true;
    const attempt = new SheafAttempt({
      sheaf,
      events,
      comesBack: (isLost) => {
        this.#isUnderWay = false;
        this.#mayBeDecided ||= isLost;
        if (sheaf.left === 0) over(isFirst && !this.#isBeingKept);
        else wait();
      },
    });
    const bytes = Math.ceil(sheaf.bytes / sheaf.count);
    for (let place = 0; place < sheaf.count; place++) asked.add(attempt, place, bytes);
    this.#isUnderWay = true;
    // What is on its way into the stream may be taken in from there first.
    owner.forward({ events, again: this.#mayBeDecided || this.#isBeingKept, sheaf: asked });
  }

  giveUp(because: EngineError): void {
    if (!this.isOpen()) return;
    if (this.#safeSince !== null) this.#tellKept();
    else this.#refuse(this.#isUnderWay || this.#mayBeDecided || this.#isBeingKept, because);
  }

  tick(now: number): void {
    if (!this.isOpen()) return;
    if (this.#safeSince !== null) {
      if (now - this.#safeSince >= keptUnheardMs && now - this.since >= ownerAnswersMs) this.#tellKept();
    } else if (!this.#isBeingKept && now - this.since >= ownerAnswersMs - keptUnheardMs) {
      this.#isBeingKept = true;
      void this.#keep();
    }
  }

  async #keep(): Promise<void> {
    const { keep, events, monoMs, unavailable } = this.#parts;
    const keeping = await keep(events);
    if (!this.isOpen()) return;
    if (keeping === 'stored') this.#safeSince = monoMs();
    else this.#refuse(keeping === 'unknown' || this.#isUnderWay || this.#mayBeDecided, unavailable());
  }

  #tellKept(): void {
    this.#parts.sheaf.kept();
    this.#parts.over(false);
  }

  #refuse(isUnknown: boolean, because: EngineError): void {
    const { sheaf, over } = this.#parts;
    const unknown = (event: Uint8Array): EngineError =>
      new EngineError('outcome-unknown', because.message, { members: { event_id: formatEventId(event) } });
    sheaf.lost(isUnknown ? unknown : () => because);
    over(false);
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

  get wantsViews(): boolean {
    return this.#sheaf.wantsViews;
  }

  accepted(place: number): void {
    this.#sheaf.accepted(place, 1);
    this.#settled();
  }

  /** Under its own id: it was decided before, and the answer was lost. */
  replayed(place: number, event: DuplicateEvent): void {
    if (Buffer.compare(event.id, this.eventAt(place)) === 0) this.#sheaf.accepted(place, 1);
    else this.#sheaf.replayed(place, event);
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
