/**
 * What is in a message of ingestion: one event or an array of them, as JSON or MessagePack, each event to be read one by one.
 *
 * The first byte tells the forms apart: what opens a JSON object or array, or white space, is in MessagePack a small number, and that is no event.
 */
import { eventBodyBytesMax, ingestEventsMax } from '../../engine/index.js';
import { type EventSequence, takeMsgpackEvent, takenOrLocated, UnreadableError } from '../input/batch-forms.js';
import { encodingOf } from '../input/bytes/body-text.js';
import type { EventBytes } from '../input/event-fields.js';
import { locateEvent, locateEventWithin } from '../input/bytes/event-span.js';
import { JsonScan, JsonSyntaxError } from '../input/bytes/json-scan.js';
import { MsgpackSyntaxError } from '../input/bytes/msgpack-head.js';
import { MsgpackScan } from '../input/bytes/msgpack-scan.js';
import { absent } from '../input/bytes/plain-cursor.js';
import { type PlainTaker, takesAll } from '../input/bytes/plain-taker.js';
import { grouped } from '../input/grouped.js';
import { isRefusal, refuse, refuseFields } from '../input/refusal.js';

export interface MessageContent {
  readonly isArray: boolean;
  /** Those that are not taken, in the order of the array; one at most if there is none. Null for a pause. */
  readonly eventsFor: (taker: PlainTaker) => EventSequence;
}

/** What makes all of it unreadable is thrown as UnreadableError, here or behind the last event that could be read. */
export function contentOf(data: Buffer): MessageContent {
  const first = firstByte(data);
  if (first === openBracket) return { isArray: true, eventsFor: (taker) => jsonArray(data, taker) };
  if (first < 0x80) return { isArray: false, eventsFor: (taker) => jsonEvent(data, taker) };
  const isArray = (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd;
  return { isArray, eventsFor: (taker) => (isArray ? msgpackArray(data, taker) : msgpackEvent(data, taker)) };
}

const openBracket = 0x5b;

/** Behind white space. */
function firstByte(data: Buffer): number {
  for (const byte of data) if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
  return 0;
}

function* jsonEvent(body: Buffer, taker: PlainTaker): EventSequence {
  const encoding = textEncodingOf(body);
  if (body.length > eventBodyBytesMax) throw new UnreadableError(overlong);
  if (takesAll(taker, body, { at: 0, end: body.length })) return;
  yield { body, encoding, span: read(() => locateEvent(body)) };
}

function* jsonArray(body: Buffer, taker: PlainTaker): EventSequence {
  const encoding = textEncodingOf(body);
  const scan = new JsonScan(body);
  scan.peek();
  let events = 0;
  for (let more = read(() => scan.enterArray()); more; more = read(() => scan.nextElement())) {
    if (++events > ingestEventsMax) throw new UnreadableError(tooMany);
    scan.peek();
    const end = taker.read(body, scan.at, Math.min(body.length, scan.at + eventBodyBytesMax));
    if (end !== absent) {
      taker.keep();
      scan.moveTo(end);
      if (taker.isPauseDue) yield null;
      continue;
    }
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

function* msgpackEvent(data: Buffer, taker: PlainTaker): EventSequence {
  try {
    const scan = new MsgpackScan(data);
    const event = takeMsgpackEvent(scan);
    if (!isRefusal(event)) scan.expectEnd();
    const other = isRefusal(event) ? event : takenOrLocated(event, taker);
    if (other !== null) yield other;
  } catch (error) {
    throw asUnreadable(error);
  }
}

function* msgpackArray(data: Buffer, taker: PlainTaker): EventSequence {
  try {
    const scan = new MsgpackScan(data);
    const events = scan.enterArray() ?? 0;
    if (events === 0) throw new UnreadableError(noEvents);
    if (events > ingestEventsMax) throw new UnreadableError(tooMany);
    for (let index = 0; index < events; index++) {
      const from = scan.at;
      const event = takeMsgpackEvent(scan);
      if (isRefusal(event)) {
        scan.moveTo(from);
        scan.skipValue();
      }
      const other = isRefusal(event) ? event : takenOrLocated(event, taker);
      if (other !== null || taker.isPauseDue) yield other;
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

const eventsMax = grouped(ingestEventsMax);
const overlong = refuse('too-large', `an event may have at most ${eventBodyBytesMax} bytes, as if it came alone`);
const tooMany = refuse('too-large', `a message holds at most ${eventsMax} events`);
const noEvents = refuseFields([{ pointer: '', detail: `must be one event, or an array of 1 to ${eventsMax} events` }]);
