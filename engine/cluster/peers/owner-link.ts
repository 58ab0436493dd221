/**
 * What is asked about one partition finds its owner, also while that changes.
 *
 *     asked --> owner of now --> answered
 *                  |  not the owner (nothing was written), or lost: a read, a new event
 *                  +--> waits for news of the owner, asked again
 *                         |  2 s: new events become safe for the next owner -> kept
 *                         +  15 s: refused, as unavailable
 *
 * New events are gathered into sheaves here and kept until they are answered, so they can be asked again under the same ids: an owner that had decided
 * about them already finds that it has. A change of an event whose answer was lost is not asked again, since a second one might not be the same.
 *
 * Bounded as a host's link is, with what is under way and what waits together. Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError } from '../../kernel/errors.js';
import { mailboxBytesMax, mailboxItemsMax, ownerAgainMs, ownerWaitMsMax, sheafEventsMax } from '../../kernel/limits.js';
import { KeptMemory } from '../../kernel/kept-memory.js';
import { PlacedSet } from '../../kernel/placed-set.js';
import { EventSheafBuilder } from '../../log/event-sheaf.js';
import type { Accepted, Asker, NewEventAsked, PartitionLink, Unnumbered } from '../../router/host-link.js';
import { bytesOf } from '../../router/unnumbered.js';
import { OpenSheaf } from '../../router/open-sheaf.js';
import { type Errand, type Keeping, type OwnerHost, SheafErrand } from './sheaf-errand.js';

export interface OwnerLinkParts {
  readonly partition: PartitionId;
  /** Null: nobody owns it who could be asked. */
  owner(): OwnerHost | null;
  /** Makes new events safe for the next owner. Never rejects. */
  keep(partition: PartitionId, events: Uint8Array): Promise<Keeping>;
  readonly monoMs: () => number;
}

/** Of memory for sheaves that none is in. */
const keptBytesMax = 4 * 1024 * 1024;

/** Of all partitions together. */
export class OwnerLoad {
  readonly memory = new KeptMemory(keptBytesMax);
  readonly #begins: () => void;
  #items = 0;
  #bytes = 0;

  /** `begins`: there was nothing open, and now there is. */
  constructor(begins: () => void = () => undefined) {
    this.#begins = begins;
  }

  /** What is open, under way or waiting. */
  get items(): number {
    return this.#items;
  }

  add(items: number, bytes: number): void {
    const wasNothing = this.#items === 0;
    this.#items += items;
    this.#bytes += bytes;
    if (wasNothing) this.#begins();
  }

  remove(items: number, bytes: number): void {
    this.#items -= items;
    this.#bytes -= bytes;
  }

  refusal(partition: PartitionId): EngineError | null {
    if (this.#items < mailboxItemsMax && this.#bytes < mailboxBytesMax) return null;
    return new EngineError('overloaded', `${this.#items} requests wait for partition ${partition} and others`);
  }
}

export class OwnerLink implements PartitionLink {
  readonly #parts: OwnerLinkParts;
  readonly #load: OwnerLoad;
  readonly #builder = new EventSheafBuilder();
  #gathering: OpenSheaf;
  #flushIsDue = false;
  /** Not with an owner. */
  #waiting: Errand[] = [];
  /** Sheaves that have no answer yet, wherever they are. */
  readonly #sheaves = new PlacedSet<SheafErrand>();
  #isClosed: EngineError | null = null;

  constructor(parts: OwnerLinkParts, load: OwnerLoad) {
    this.#parts = parts;
    this.#load = load;
    this.#gathering = new OpenSheaf(parts.partition);
  }

  ask(request: Unnumbered): Promise<Accepted> {
    return new Promise((resolve, reject) => this.askFor({ answered: resolve, refused: reject }, request));
  }

  askFor(asker: Asker, request: Unnumbered): void {
    const refusal = this.#isClosed ?? this.#load.refusal(this.#parts.partition);
    if (refusal !== null) {
      asker.refused(refusal);
      return;
    }
    const load = this.#load;
    const bytes = bytesOf(request);
    load.add(1, bytes);
    const since = this.#parts.monoMs();
    let isOpen = true;
    const settle = (tell: () => void): void => {
      isOpen = false;
      load.remove(1, bytes);
      tell();
    };
    const errand: Errand = {
      since,
      againAt: since,
      isOpen: () => isOpen,
      go: (owner, now) => {
        if (owner !== null) {
          owner.askFor(
            {
              answered: (reply) => settle(() => asker.answered(reply)),
              refused: (error) => {
                if (error.code === 'not-owner') this.#wait(errand);
                else settle(() => asker.refused(error));
              },
            },
            request,
          );
        } else if (now - since > ownerWaitMsMax) {
          errand.giveUp(this.#unavailable());
        } else {
          this.#wait(errand);
        }
      },
      giveUp: (because) => settle(() => asker.refused(because)),
    };
    errand.go(this.#parts.owner(), since);
  }

  schedule(event: NewEventAsked): void {
    const { asker, place } = event;
    const refusal = this.#isClosed ?? this.#load.refusal(this.#parts.partition);
    if (refusal !== null) {
      asker.refused(place, refusal);
      return;
    }
    const bytes = event.bodyEnd - event.bodyAt;
    this.#builder.append(event);
    this.#gathering.add(asker, place, bytes);
    this.#load.add(1, bytes);
    if (this.#builder.isFull || this.#gathering.count >= sheafEventsMax) this.#flush();
    else this.#flushSoon();
  }

  /** There is news of the owner. */
  ownerChanged(): void {
    this.#goAgain(Number.POSITIVE_INFINITY);
  }

  /** Several times a second while anything is open. */
  tick(): void {
    const now = this.#parts.monoMs();
    this.#goAgain(now);
    for (const sheaf of [...this.#sheaves]) sheaf.tick(now);
  }

  /** Refuses what comes from now on; what is open is still answered. */
  close(because: EngineError): void {
    this.#isClosed = because;
  }

  /** Whatever waits for another owner is told that there will be none. */
  end(): void {
    this.#flush();
    const because = this.#isClosed ?? this.#unavailable();
    for (const errand of this.#waiting.splice(0)) if (errand.isOpen()) errand.giveUp(because);
    for (const sheaf of [...this.#sheaves]) sheaf.giveUp(because);
  }

  #goAgain(dueBy: number): void {
    if (this.#waiting.length === 0) return;
    const now = this.#parts.monoMs();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const errand of waiting) {
      if (!errand.isOpen()) continue;
      if (errand.againAt > dueBy) this.#waiting.push(errand);
      // After its time it is not asked once more: an owner that says no each time must not hold it for ever.
      else errand.go(now - errand.since > ownerWaitMsMax ? null : this.#parts.owner(), now);
    }
  }

  #wait(errand: Errand): void {
    errand.againAt = this.#parts.monoMs() + ownerAgainMs;
    this.#waiting.push(errand);
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const sheaf = this.#gathering;
    if (sheaf.count === 0) return;
    const { partition, keep, monoMs } = this.#parts;
    this.#gathering = new OpenSheaf(partition);
    const { memory } = this.#load;
    const events = memory.keep(this.#builder.lend());
    const errand = new SheafErrand({
      sheaf,
      events,
      since: monoMs(),
      wait: () => this.#wait(errand),
      keep: (events) => keep(partition, events),
      monoMs,
      unavailable: () => this.#unavailable(),
      over: (isAlone) => {
        if (!this.#sheaves.delete(errand)) return;
        if (isAlone) memory.free(events);
        this.#load.remove(sheaf.count, sheaf.bytes);
      },
    });
    this.#sheaves.add(errand);
    errand.go(this.#parts.owner());
  }

  #unavailable(): EngineError {
    return new EngineError('partition-unavailable', `partition ${this.#parts.partition} has no owner at the moment`);
  }
}
