/**
 * The body of `POST /events/batch`, in any of its forms (`batch-forms.ts`).
 *
 * What is wrong with the body as a whole refuses the batch; what is wrong with one event refuses that event. Events are read in
 * slices with a pause between, so that a batch of 10,000 delays other requests by a few milliseconds and not by fifty.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { SpecSheet } from '../../engine/index.js';
import { type BatchForm, eventsOf, UnreadableError } from './batch-forms.js';
import type { EventBytes } from './event-fields.js';
import { type EventContext, readEvent } from './event-input.js';
import { PlainEventReader } from './plain-event.js';
import { isRefusal, type Refusal } from './refusal.js';
import { SheetStock } from './sheet-stock.js';

/** Read between two pauses, about 2 ms: so many events, or so many bytes of them. */
const sliceEvents = 500;
const sliceBytes = 256 * 1024;
/** Handed to the engine between two pauses, about a millisecond; the usual batch is one sheet. */
const sheetEvents = 2_000;
const sheetBytes = 1024 * 1024;

/** A batch that has been read. */
export interface ReadBatch {
  readonly count: number;
  /** By index. */
  readonly refusals: ReadonlyMap<number, Refusal>;
  /** The events that are right, in their order, in pieces that do not hold the thread for long. */
  readonly sheets: readonly SpecSheet[];
}

const plainEvents = new PlainEventReader();
/** Whoever has handed the sheets of a batch on gives them back. */
export const sheetStock = new SheetStock();

/** The key of an event is `<Idempotency-Key>:<index>`. */
export async function readBatch(
  { body, form }: { body: Buffer; form: BatchForm },
  context: EventContext,
): Promise<ReadBatch | Refusal> {
  const key = context.idempotencyKey;
  const refusals = new Map<number, Refusal>();
  const sheets: SpecSheet[] = [];
  let sheet: SpecSheet | null = null;
  let count = 0;
  let bytes = 0;
  try {
    for (const event of eventsOf[form](body)) {
      if (event === null) {
        await pause();
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
        const own = key === null ? context : { ...context, idempotencyKey: `${key}:${index}` };
        const refusal = addEvent(event, own, sheet);
        if (refusal !== null) refusals.set(index, refusal);
        bytes += event.span.end - event.span.at;
      }
      if (count % sliceEvents !== 0 && bytes < sliceBytes) continue;
      bytes = 0;
      await pause();
    }
  } catch (error) {
    if (error instanceof UnreadableError) return error.refusal;
    throw error;
  }
  return { count, refusals, sheets };
}

/** Null: it is on the sheet. */
function addEvent(bytes: EventBytes, context: EventContext, sheet: SpecSheet): Refusal | null {
  if (plainEvents.add(bytes, context, sheet)) return null;
  const event = readEvent(bytes, context);
  if (isRefusal(event)) return event;
  sheet.add(event.spec, event.timeGiven);
  return null;
}

function isFull(sheet: SpecSheet): boolean {
  return sheet.count === sheetEvents || sheet.end >= sheetBytes;
}
