/** A body that is one JSON object: located, parsed, and refused as what it is when it is none. */
import { encodingOf } from './body-text.js';
import type { EventBytes } from '../event-fields.js';
import { locateEvent } from './event-span.js';
import { JsonSyntaxError } from './json-scan.js';
import { type Refusal, refuse } from '../refusal.js';

export function readJson<Value>(body: Buffer, read: (bytes: EventBytes) => Value | Refusal): Value | Refusal {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  try {
    return read({ body, encoding, span: locateEvent(body) });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse('malformed-json', `the body is not JSON: ${error.message}`);
    throw error;
  }
}
