/**
 * New events that were asked for together, on their way to their actors and back.
 *
 * A batch of a thousand spreads over all partitions and is answered in pieces. It has one callback, and of an event that was
 * accepted, as nearly all are, only its id: a promise, a result and a text for each cost half of what the main thread did.
 */
import type { EventView } from '../event/view.js';
import type { PartitionId } from '../kernel/brand.js';
import { type EngineError, InvariantError } from '../kernel/errors.js';
import { type EventId, eventIdBytes, formatEventIdIn, partitionOf, putEventId, slotOfIdIn } from '../kernel/event-id.js';
import type { DuplicateEvent, NewEventsAsker } from './open-sheaf.js';

/** What has become of one event: a new one, one that was there before, or none. */
export type ScheduleResult =
  /** `isKept`: safe for the next owner of its partition, which decides about it. */
  | { readonly replayed: false; readonly id: string; readonly partition: number; readonly isKept: boolean }
  | { readonly replayed: true; readonly view: EventView };

/** Who has asked. */
export interface SheetAsked {
  /** Of an event that was accepted before, as it is now (`viewAt`). Else its id and status are told, for which it need not be read. */
  readonly wantsViews: boolean;
  /** Called once, when every event has its answer. */
  settled(events: ScheduledEvents): void;
}

export class ScheduledEvents implements NewEventsAsker {
  readonly count: number;
  readonly wantsViews: boolean;
  /** One behind the other, of all events. */
  readonly ids: Uint8Array;
  readonly #partitions: number;
  readonly #asked: SheetAsked;
  /** By place: those that were not simply accepted. */
  #others: Map<number, DuplicateEvent | EngineError | InvariantError> | null = null;
  /** By place: those that are safe for an owner to come. */
  #kept: Set<number> | null = null;
  #missing: number;

  /** `asked` is told when nothing is missing any more; never from in here. */
  constructor({
    count,
    partitions,
    asked,
  }: {
    readonly count: number;
    readonly partitions: number;
    readonly asked: SheetAsked;
  }) {
    this.count = count;
    this.wantsViews = asked.wantsViews;
    this.ids = new Uint8Array(count * eventIdBytes);
    this.#partitions = partitions;
    this.#asked = asked;
    this.#missing = count;
  }

  accepted(): void {
    if (--this.#missing === 0) this.#asked.settled(this);
  }

  replayed(place: number, event: DuplicateEvent): void {
    this.#setApart(place, event);
  }

  kept(place: number): void {
    this.#kept ??= new Set();
    this.#kept.add(place);
    this.accepted();
  }

  refused(place: number, error: EngineError | InvariantError): void {
    this.#setApart(place, error);
  }

  /** A copy. */
  eventAt(place: number): EventId {
    return this.ids.slice(place * eventIdBytes, (place + 1) * eventIdBytes);
  }

  idAt(place: number): string {
    return formatEventIdIn(this.ids, place * eventIdBytes);
  }

  /** The same as ASCII in `out` from `at` on. Returns the place behind. */
  putIdAt(place: number, out: Uint8Array, at: number): number {
    return putEventId(this.ids, place * eventIdBytes, out, at);
  }

  partitionAt(place: number): PartitionId {
    return partitionOf(slotOfIdIn(this.ids, place * eventIdBytes), this.#partitions);
  }

  /** Every event was accepted and is new. */
  get isPlain(): boolean {
    return this.#others === null && this.#kept === null;
  }

  /** Accepted for the next owner of its partition. */
  isKept(place: number): boolean {
    return this.#kept?.has(place) ?? false;
  }

  /** Null: accepted, and new. */
  otherAt(place: number): DuplicateEvent | EngineError | InvariantError | null {
    return this.#others?.get(place) ?? null;
  }

  /** Of an event that was there before, for whoever wanted views. */
  viewAt(place: number): EventView {
    const other = this.otherAt(place);
    if (other === null || other instanceof Error || !this.wantsViews) {
      throw new InvariantError(`there is no view of the event at ${place}`);
    }
    return other as EventView;
  }

  #setApart(place: number, outcome: DuplicateEvent | EngineError | InvariantError): void {
    this.#others ??= new Map();
    this.#others.set(place, outcome);
    this.accepted();
  }
}
