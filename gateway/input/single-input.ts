/** The body of `POST /events`: one event. */
import type { NewEvent } from '../../engine/index.js';
import { encodingOf } from './body-text.js';
import { type EventContext, readEvent } from './event-input.js';
import { locateEvent } from './event-span.js';
import { JsonSyntaxError } from './json-scan.js';
import { type Refusal, refuse } from './refusal.js';

export function readSingle(body: Buffer, context: EventContext): NewEvent | Refusal {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  try {
    return readEvent({ body, encoding, span: locateEvent(body) }, context);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse('malformed-json', `the body is not JSON: ${error.message}`);
    throw error;
  }
}
