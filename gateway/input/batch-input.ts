/**
 * The body of `POST /events/batch`, in any of its forms (`batch-forms.ts`).
 *
 * What is wrong with the body as a whole refuses the batch; what is wrong with one event refuses that event. Events are read in
 * slices with a pause between, so that a batch of 10,000 delays other requests by a few milliseconds and not by fifty.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { NewEvent } from '../../engine/index.js';
import { type BatchForm, eventsOf, UnreadableError } from './batch-forms.js';
import { type EventContext, readEvent } from './event-input.js';
import { isRefusal, type Refusal } from './refusal.js';

/** Read between two pauses, about 2 ms: so many events, or so many bytes of them. */
const sliceEvents = 500;
const sliceBytes = 256 * 1024;

/** In the order of the body. The key of an event is `<Idempotency-Key>:<index>`. */
export async function readBatch(
  { body, form }: { body: Buffer; form: BatchForm },
  context: EventContext,
): Promise<(NewEvent | Refusal)[] | Refusal> {
  const key = context.idempotencyKey;
  const events: (NewEvent | Refusal)[] = [];
  let bytes = 0;
  try {
    for (const event of eventsOf[form](body)) {
      if (event === null) {
        await pause();
        continue;
      }
      const own = key === null ? context : { ...context, idempotencyKey: `${key}:${events.length}` };
      events.push(isRefusal(event) ? event : readEvent(event, own));
      if (!isRefusal(event)) bytes += event.span.end - event.span.at;
      if (events.length % sliceEvents !== 0 && bytes < sliceBytes) continue;
      bytes = 0;
      await pause();
    }
  } catch (error) {
    if (error instanceof UnreadableError) return error.refusal;
    throw error;
  }
  return events;
}
