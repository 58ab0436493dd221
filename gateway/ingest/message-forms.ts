/**
 * What is in a message of ingestion: one event or an array of them, as JSON or MessagePack, each event to be read one by one.
 *
 * The first byte tells the forms apart: what opens a JSON object or array, or white space, is in MessagePack a small number, and that is no event.
 */
import { eventBodyBytesMax, ingestEventsMax } from '../../engine/index.js';
import { takeMsgpackEvent, UnreadableError } from '../input/batch-forms.js';
import { encodingOf } from '../input/body-text.js';
import type { EventBytes } from '../input/event-fields.js';
import { locateEvent, locateEventWithin } from '../input/event-span.js';
import { JsonScan, JsonSyntaxError } from '../input/json-scan.js';
import { MsgpackScan, MsgpackSyntaxError } from '../input/msgpack-scan.js';
import { isRefusal, type Refusal, refuse, refuseFields } from '../input/refusal.js';

export interface MessageContent {
  readonly isArray: boolean;
  /** In the order of the array; one otherwise. */
  readonly events: Generator<EventBytes | Refusal, void>;
}

/** What makes all of it unreadable is thrown as UnreadableError, here or behind the last event that could be read. */
export function contentOf(data: Buffer): MessageContent {
  const first = firstByte(data);
  if (first === openBracket) return { isArray: true, events: jsonArray(data) };
  if (first < 0x80) return { isArray: false, events: jsonEvent(data) };
  const isArray = (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd;
  return { isArray, events: isArray ? msgpackArray(data) : msgpackEvent(data) };
}

const openBracket = 0x5b;

/** Behind white space. */
function firstByte(data: Buffer): number {
  for (const byte of data) if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
  return 0;
}

function* jsonEvent(body: Buffer): Generator<EventBytes | Refusal, void> {
  const encoding = textEncodingOf(body);
  if (body.length > eventBodyBytesMax) throw new UnreadableError(overlong);
  yield { body, encoding, span: read(() => locateEvent(body)) };
}

function* jsonArray(body: Buffer): Generator<EventBytes | Refusal, void> {
  const encoding = textEncodingOf(body);
  const scan = new JsonScan(body);
  scan.peek();
  let events = 0;
  for (let more = read(() => scan.enterArray()); more; more = read(() => scan.nextElement())) {
    if (++events > ingestEventsMax) throw new UnreadableError(tooMany);
    scan.peek();
    const span = read(() => locateEventWithin(eventBodyBytesMax, scan, body));
    if (span === null) read(() => scan.skipValue());
    yield span === null ? overlong : { body, encoding, span };
  }
  read(() => scan.expectEnd());
  if (events === 0) throw new UnreadableError(noEvents);
}

function read<Value>(look: () => Value): Value {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new UnreadableError(refuse('malformed-json', `the message is not JSON: ${error.message}`));
  }
}

function* msgpackEvent(data: Buffer): Generator<EventBytes | Refusal, void> {
  try {
    const scan = new MsgpackScan(data);
    const event = takeMsgpackEvent(scan);
    if (!isRefusal(event)) scan.expectEnd();
    yield event;
  } catch (error) {
    throw asUnreadable(error);
  }
}

function* msgpackArray(data: Buffer): Generator<EventBytes | Refusal, void> {
  try {
    const scan = new MsgpackScan(data);
    const events = scan.enterArray() ?? 0;
    if (events === 0) throw new UnreadableError(noEvents);
    if (events > ingestEventsMax) throw new UnreadableError(tooMany);
    for (let index = 0; index < events; index++) {
      const from = scan.copy();
      const event = takeMsgpackEvent(scan);
      if (isRefusal(event)) {
        scan.moveTo(from);
        scan.skipValue();
      }
      yield event;
    }
    scan.expectEnd();
  } catch (error) {
    throw asUnreadable(error);
  }
}

function asUnreadable(error: unknown): unknown {
  if (!(error instanceof MsgpackSyntaxError)) return error;
  return new UnreadableError(refuse('malformed-request', `the message is not MessagePack: ${error.message}`));
}

function textEncodingOf(body: Buffer): EventBytes['encoding'] {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') throw new UnreadableError(encoding);
  return encoding;
}

const eventsMax = ingestEventsMax.toLocaleString('en');
const overlong = refuse('too-large', `an event may have at most ${eventBodyBytesMax} bytes, as if it came alone`);
const tooMany = refuse('too-large', `a message holds at most ${eventsMax} events`);
const noEvents = refuseFields([{ pointer: '', detail: `must be one event, or an array of 1 to ${eventsMax} events` }]);
