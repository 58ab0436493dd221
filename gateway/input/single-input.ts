/** A body that is one event. */
import type { EventSpec, NewEvent, PlainSpec, SpecSheet } from '../../engine/index.js';
import { encodingOf } from './bytes/body-text.js';
import { type EventContext, readEvent } from './event-input.js';
import { readJson } from './bytes/json-body.js';
import { PlainEventReader } from './bytes/plain-event.js';
import { isRefusal, type Refusal } from './refusal.js';

const plainEvents = new PlainEventReader();

/** Of `POST /events`. The event is on the sheet if it is not refused. A plain one is another after the next call. */
export function readSingle(
  body: Buffer,
  { context, sheet }: { readonly context: EventContext; readonly sheet: SpecSheet },
): PlainSpec | EventSpec | Refusal {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  if (plainEvents.addWhole(body, context, sheet)) return plainEvents.spec;
  return readJson<EventSpec>(body, (bytes) => {
    const event = readEvent(bytes, context);
    if (isRefusal(event)) return event;
    sheet.add(event.spec, event.timeGiven);
    return event.spec;
  });
}

/** Of `PUT /events/external/{external_job_id}`. */
export function readWhole(body: Buffer, context: EventContext): NewEvent | Refusal {
  return readJson(body, (bytes) => readEvent(bytes, context));
}
