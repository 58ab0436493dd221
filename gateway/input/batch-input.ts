/**
 * The body of `POST /events/batch`: `{"events":[…]}`.
 *
 * What is wrong with the body as a whole refuses the batch; what is wrong with one event refuses that event. The body is
 * walked in one go (150 MB/s) and then read in slices with a pause between, so that a batch of 10,000 events delays other
 * requests by a few milliseconds and not by fifty.
 */
import { setImmediate as pause } from 'node:timers/promises';
import { batchEventsMax, type NewEvent } from '../../engine/index.js';
import { encodingOf } from './body-text.js';
import { type EventContext, readEvent } from './event-input.js';
import { type BatchSpans, type EventSpan, locateBatch, TooManyEventsError } from './event-span.js';
import { JsonSyntaxError } from './json-scan.js';
import { pointerTo } from './pointer.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';

/** Events read between two pauses, about 2 ms. */
const sliceEvents = 500;

/** In the order of the body. The key of an event is `<Idempotency-Key>:<index>`. */
export async function readBatch(body: Buffer, context: EventContext): Promise<(NewEvent | Refusal)[] | Refusal> {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  const spans = spansOf(body);
  if ('refused' in spans) return spans;
  const key = context.idempotencyKey;
  const events: (NewEvent | Refusal)[] = [];
  for (const [index, span] of spans.entries()) {
    if (index > 0 && index % sliceEvents === 0) await pause();
    const own = key === null ? context : { ...context, idempotencyKey: `${key}:${index}` };
    events.push(readEvent({ body, encoding, span }, own));
  }
  return events;
}

function spansOf(body: Buffer): readonly EventSpan[] | Refusal {
  try {
    return judge(locateBatch(body));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse('malformed-json', `the body is not JSON: ${error.message}`);
    if (error instanceof TooManyEventsError) return refuse('too-large', error.message);
    throw error;
  }
}

function judge(spans: BatchSpans): readonly EventSpan[] | Refusal {
  if (!spans.isObject) return refuseFields([{ pointer: '', detail: 'a batch must be a JSON object with a member `events`' }]);
  if (spans.eventsTwice || new Set(spans.unknownMembers).size < spans.unknownMembers.length) {
    return refuse('malformed-json', 'a key of the batch is given twice');
  }
  if (spans.unknownMembers.length > 0) {
    return refuseFields(
      spans.unknownMembers.slice(0, 20).map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' })),
    );
  }
  if (spans.events === null || spans.events.length === 0) {
    return refuseFields([
      { pointer: '/events', detail: `must be an array of 1 to ${batchEventsMax.toLocaleString('en')} events` },
    ]);
  }
  return spans.events;
}
