/** The body of `POST /events`: one event. */
import type { NewEvent } from '../../engine/index.js';
import { type EventContext, readEvent } from './event-input.js';
import { readJson } from './json-body.js';
import type { Refusal } from './refusal.js';

export function readSingle(body: Buffer, context: EventContext): NewEvent | Refusal {
  return readJson(body, (bytes) => readEvent(bytes, context));
}
