/**
 * The body of `POST /events/batch`, in any of its forms (`batch-forms.ts`).
 *
 * What is wrong with the body as a whole refuses the batch; what is wrong with one event refuses that event.
 */
import { type BatchForm, eventsOf, UnreadableError } from './batch-forms.js';
import type { EventContext } from './event-input.js';
import { readOntoSheets, type SheetedEvents } from './event-sheets.js';
import type { Refusal } from './refusal.js';

/** The key of an event is `<Idempotency-Key>:<index>`. To be taken step by step. */
export function* readBatch(
  { body, form }: { body: Buffer; form: BatchForm },
  context: EventContext,
): Generator<void, SheetedEvents | Refusal> {
  try {
    return yield* readOntoSheets((taker) => eventsOf[form](body, taker), { context, isIndexed: true });
  } catch (error) {
    if (error instanceof UnreadableError) return error.refusal;
    throw error;
  }
}
