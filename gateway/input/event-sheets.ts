/**
 * Events that came together, one after the other from their bytes onto sheets: a batch over HTTP, a message over NATS.
 *
 * What is wrong with one event refuses that event; what makes the rest unreadable is thrown, as UnreadableError. Events are read in steps,
 * between which other work may be done, so that a batch of 10,000 delays others by a few milliseconds and not by fifty.
 */
import type { SpecSheet } from '../../engine/index.js';
import type { EventBytes } from './event-fields.js';
import { type EventContext, readEvent } from './event-input.js';
import { PlainEventReader } from './bytes/plain-event.js';
import type { PlainTaker } from './bytes/plain-taker.js';
import { isRefusal, type Refusal } from './refusal.js';
import { SheetStock } from './bytes/sheet-stock.js';

/** Read in one step, about 2 ms: so many events, or so many bytes of them. */
const stepEvents = 500;
const stepBytes = 256 * 1024;
/** Handed to the engine in one step, about a millisecond; the usual batch is one sheet. */
const sheetEvents = 2_000;
const sheetBytes = 1024 * 1024;

export interface SheetedEvents {
  readonly count: number;
  /** By index. */
  readonly refusals: ReadonlyMap<number, Refusal>;
  /** The events that are right, in their order, in pieces that do not hold the thread for long. */
  readonly sheets: readonly SpecSheet[];
}

const plainEvents = new PlainEventReader();
/** Whoever has handed the sheets on gives them back. */
export const sheetStock = new SheetStock();

/**
 * `eventsFor`: the events that are not taken, in their order among those that are; null for a pause. `isIndexed`: the key of an event is
 * `<key>:<index>`.
 */
export function* readOntoSheets(
  eventsFor: (taker: PlainTaker) => Iterable<EventBytes | Refusal | null>,
  { context, isIndexed }: { readonly context: EventContext; readonly isIndexed: boolean },
): Generator<void, SheetedEvents> {
  const filling = new Filling(context, isIndexed);
  try {
    for (const event of eventsFor(filling)) {
      if (event !== null) filling.add(event);
      if (event !== null && !filling.isPauseDue) continue;
      filling.pause();
      yield;
    }
  } catch (error) {
    for (const filled of filling.sheets) sheetStock.giveBack(filled);
    throw error;
  }
  return filling;
}

class Filling implements SheetedEvents, PlainTaker {
  count = 0;
  readonly refusals = new Map<number, Refusal>();
  readonly sheets: SpecSheet[] = [];
  readonly #context: EventContext & { index?: number };
  readonly #isIndexed: boolean;
  #sheet: SpecSheet | null = null;
  /** Read since the last pause. */
  #events = 0;
  #bytes = 0;
  /** Of what `keep` may follow. */
  #bytesRead = 0;

  constructor(context: EventContext, isIndexed: boolean) {
    this.#context = { ...context };
    this.#isIndexed = isIndexed;
  }

  get isPauseDue(): boolean {
    return this.#events >= stepEvents || this.#bytes >= stepBytes;
  }

  pause(): void {
    this.#events = 0;
    this.#bytes = 0;
  }

  read(body: Buffer, at: number, end: number): number {
    const eventEnd = plainEvents.readAt(body, { at, end }, this.#contextOfNext());
    this.#bytesRead = eventEnd - at;
    return eventEnd;
  }

  keep(): void {
    plainEvents.spec.addTo(this.#sheetWithRoom());
    this.#took(this.#bytesRead);
  }

  /** One that was not taken. */
  add(event: EventBytes | Refusal): void {
    const added = isRefusal(event) ? event : this.#addTheLongWay(event);
    if (added !== null) this.refusals.set(this.count, added);
    this.#took(isRefusal(event) ? 0 : event.span.end - event.span.at);
  }

  /** Null: it is on the sheet. */
  #addTheLongWay(bytes: EventBytes): Refusal | null {
    const context = this.#contextOfNext();
    const event = readEvent(bytes, context);
    if (isRefusal(event)) return event;
    this.#sheetWithRoom().add(event.spec, event.timeGiven, context.fingerprint);
    return null;
  }

  #contextOfNext(): EventContext {
    if (this.#isIndexed) this.#context.index = this.count;
    return this.#context;
  }

  #took(bytes: number): void {
    this.count++;
    this.#events++;
    this.#bytes += bytes;
  }

  #sheetWithRoom(): SpecSheet {
    if (this.#sheet === null || isFull(this.#sheet)) {
      this.#sheet = sheetStock.take();
      this.sheets.push(this.#sheet);
    }
    return this.#sheet;
  }
}

function isFull(sheet: SpecSheet): boolean {
  return sheet.count === sheetEvents || sheet.end >= sheetBytes;
}
