/**
 * New events that have left for their actor together and are not all answered: who waits for each of them.
 *
 * Their numbers follow each other, beginning with a multiple of `sheafEventsMax`, so that the sheaf of a number needs no look-up of
 * its own. Belongs to a `HostLink`.
 */
import type { EventView } from '../event/view.js';
import type { PartitionId } from '../kernel/brand.js';
import type { EngineError, InvariantError } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';

/** What is known at least of an event that was accepted before. */
export type DuplicateEvent = Pick<EventView, 'id' | 'status'>;

/** Who waits for new events, each by its place. Of each exactly one of the four is called, once; none may throw. */
export interface NewEventsAsker {
  accepted(place: number): void;
  /** The same event was accepted before: an `EventView` for whoever wants views. */
  replayed(place: number, event: DuplicateEvent): void;
  /** InvariantError: a bug of ours, and what has become of the event is not known. */
  refused(place: number, error: EngineError | InvariantError): void;
  /** Safe for the owner to come, which has not decided about it. */
  kept(place: number): void;
  eventAt(place: number): EventId;
  /** False: of an event that was there before, id and status are enough, for which nothing has to be read. */
  readonly wantsViews: boolean;
}

export class OpenSheaf {
  readonly partition: PartitionId;
  /** Bytes of all of them. */
  bytes = 0;
  readonly #askers: (NewEventsAsker | null)[] = [];
  readonly #places: number[] = [];
  #left = 0;
  #wantsViews = false;

  constructor(partition: PartitionId) {
    this.partition = partition;
  }

  /** Without an answer. */
  get left(): number {
    return this.#left;
  }

  get count(): number {
    return this.#askers.length;
  }

  /** One who waits does. */
  get wantsViews(): boolean {
    return this.#wantsViews;
  }

  add(asker: NewEventsAsker, place: number, bytes: number): void {
    this.#askers.push(asker);
    this.#places.push(place);
    this.#wantsViews ||= asker.wantsViews;
    this.bytes += bytes;
    this.#left++;
  }

  /** `count` events from `from` on. */
  accepted(from: number, count: number): void {
    for (let at = from; at < from + count; at++) this.#take(at)?.accepted(this.#places[at]!);
  }

  replayed(at: number, event: DuplicateEvent): void {
    this.#take(at)?.replayed(this.#places[at]!, event);
  }

  refused(at: number, error: EngineError | InvariantError): void {
    this.#take(at)?.refused(this.#places[at]!, error);
  }

  /** All that have no answer. */
  kept(): void {
    for (let at = 0; at < this.count; at++) this.#take(at)?.kept(this.#places[at]!);
  }

  /** All that have no answer. `errorOf`: why. */
  lost(errorOf: (event: EventId) => EngineError): void {
    for (let at = 0; at < this.count; at++) {
      const asker = this.#askers[at]!;
      if (asker !== null) this.refused(at, errorOf(asker.eventAt(this.#places[at]!)));
    }
  }

  /** Null: it has its answer. */
  #take(at: number): NewEventsAsker | null {
    const asker = this.#askers[at] ?? null;
    if (asker === null) return null;
    this.#askers[at] = null;
    this.#left--;
    return asker;
  }
}
