/**
 * Events that came together, one after the other from their bytes onto sheets: a batch over HTTP, a message over NATS.
 *
 * What is wrong with one event refuses that event; what makes the rest unreadable is thrown, as UnreadableError. Events are read in steps,
 * between which other work may be done, so that a batch of 10,000 delays others by a few milliseconds and not by fifty.
 */
import type { SpecSheet } from '../../engine/index.js';
import type { EventBytes } from './event-fields.js';
import { type EventContext, readEvent } from './event-input.js';
import { PlainEventReader } from './plain-event.js';
import { isRefusal, type Refusal } from './refusal.js';
import { SheetStock } from './sheet-stock.js';

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

/** `events` in their order; null where there is a long way to the next one. `isIndexed`: the key of an event is `<key>:<index>`. */
export function* readOntoSheets(
  events: Iterable<EventBytes | Refusal | null>,
  { context, isIndexed }: { readonly context: EventContext; readonly isIndexed: boolean },
): Generator<void, SheetedEvents> {
  const own: EventContext & { index?: number } = { ...context };
  const refusals = new Map<number, Refusal>();
  const sheets: SpecSheet[] = [];
  let sheet: SpecSheet | null = null;
  let count = 0;
  let bytes = 0;
  try {
    for (const event of events) {
      if (event === null) {
        yield;
        continue;
      }
      const index = count++;
      if (isRefusal(event)) {
        refusals.set(index, event);
      } else {
        if (sheet === null || isFull(sheet)) {
          sheet = sheetStock.take();
          sheets.push(sheet);
        }
        if (isIndexed) own.index = index;
        const refusal = addEvent(event, own, sheet);
        if (refusal !== null) refusals.set(index, refusal);
        bytes += event.span.end - event.span.at;
      }
      if (count % stepEvents !== 0 && bytes < stepBytes) continue;
      bytes = 0;
      yield;
    }
  } catch (error) {
    for (const filled of sheets) sheetStock.giveBack(filled);
    throw error;
  }
  return { count, refusals, sheets };
}

/** Null: it is on the sheet. */
function addEvent(bytes: EventBytes, context: EventContext, sheet: SpecSheet): Refusal | null {
  if (plainEvents.add(bytes, context, sheet)) return null;
  const event = readEvent(bytes, context);
  if (isRefusal(event)) return event;
  sheet.add(event.spec, event.timeGiven, context.fingerprint);
  return null;
}

function isFull(sheet: SpecSheet): boolean {
  return sheet.count === sheetEvents || sheet.end >= sheetBytes;
}
