/**
 * The three ways to write down a batch, each as a sequence of events that can be read one by one: JSON and MessagePack as
 * `{"events":[…]}`, newline-delimited JSON as an event a line.
 *
 * Plain events go to a `PlainTaker` as they are come by. Of the others a sequence yields the bytes, as JSON, or why one is refused; null for a
 * pause: the taker has taken much, or there is a long way to the next one. What makes the rest unreadable is thrown, as UnreadableError:
 * nothing of the batch is accepted then.
 */
import { batchEventsMax, eventBodyBytesMax } from '../../engine/index.js';
import { msgpackJsonBytesMax } from '../limits.js';
import { encodingOf } from './bytes/body-text.js';
import type { EventBytes } from './event-fields.js';
import { locateEvent } from './bytes/event-span.js';
import { type BatchShape, type BatchWalk, TooManyEventsError, walkBatch } from './bytes/json-batch.js';
import { JsonSyntaxError } from './bytes/json-scan.js';
import { JsonBytes, JsonTooLongError } from './bytes/json-bytes.js';
import { MsgpackSyntaxError } from './bytes/msgpack-head.js';
import { NotJsonError } from './bytes/msgpack-json.js';
import { MsgpackScan } from './bytes/msgpack-scan.js';
import { type PlainTaker, takesAll } from './bytes/plain-taker.js';
import { grouped } from './grouped.js';
import { pointerTo } from './pointer.js';
import { isRefusal, type Refusal, refuse, refuseFields } from './refusal.js';

export type BatchForm = 'json' | 'ndjson' | 'msgpack';
export type EventSequence = Generator<EventBytes | Refusal | null, void>;

export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

export const eventsOf: Readonly<Record<BatchForm, (body: Buffer, taker: PlainTaker) => EventSequence>> = {
  json,
  ndjson,
  msgpack,
};

function* json(body: Buffer, taker: PlainTaker): EventSequence {
  const encoding = textEncodingOf(body);
  const walk = walkBatch(body, taker);
  for (let step = next(walk); ; step = next(walk)) {
    if (step.done === true) return judge(step.value);
    const span = step.value;
    if (span === 'pause') yield null;
    else yield span === 'overlong' ? overlong : { body, encoding, span };
  }
}

function next(walk: BatchWalk): ReturnType<BatchWalk['next']> {
  try {
    return walk.next();
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw unreadable(refuse('malformed-json', `the body is not JSON: ${error.message}`));
    if (error instanceof TooManyEventsError) throw unreadable(refuse('too-large', error.message));
    throw error;
  }
}

function judge({ isObject, events, eventsTwice, unknownMembers }: BatchShape): void {
  if (!isObject) throw unreadable(notAnObject);
  refuseMembers(unknownMembers, eventsTwice);
  if (events === null || events === 0) throw unreadable(noEvents);
}

/** Empty lines are no events, so that a last line may end with a line break. A line that is no JSON is refused for itself. */
function* ndjson(body: Buffer, taker: PlainTaker): EventSequence {
  const encoding = textEncodingOf(body);
  let events = 0;
  let refusedBytes = 0;
  for (let at = yield* firstOfLine(body, 0); at < body.length; ) {
    const lineEnd = body.indexOf(0x0a, at);
    const end = lineEnd === -1 ? body.length : lineEnd;
    if (++events > batchEventsMax) throw unreadable(tooMany);
    if (end - at <= eventBodyBytesMax && takesAll(taker, body, { at, end })) {
      if (taker.isPauseDue) yield null;
    } else {
      const event = lineBytes(body.subarray(at, end), encoding);
      if (isRefusal(event)) refusedBytes += end - at;
      if (refusedBytes > pauseEveryBytes) {
        refusedBytes = 0;
        yield null;
      }
      yield event;
    }
    at = yield* firstOfLine(body, end);
  }
  if (events === 0) throw unreadable(refuseFields([{ pointer: '', detail: `must be 1 to ${eventsMax} lines, each an event` }]));
}

function lineBytes(line: Buffer, encoding: EventBytes['encoding']): EventBytes | Refusal {
  if (line.length > eventBodyBytesMax) return overlong;
  try {
    return { body: line, encoding, span: locateEvent(line) };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse('malformed-json', `the line is not JSON: ${error.message}`);
    throw error;
  }
}

/** Where the next line begins that is not empty. Byte by byte: a body may be all line breaks. */
function* firstOfLine(body: Buffer, from: number): Generator<null, number> {
  for (let at = from; ; at++) {
    const byte = body[at];
    if (byte !== 0x0a && byte !== 0x0d && byte !== 0x20 && byte !== 0x09) return at;
    if ((at - from) % pauseEveryBytes === pauseEveryBytes - 1) yield null;
  }
}

function* msgpack(body: Buffer, taker: PlainTaker): EventSequence {
  try {
    yield* msgpackEvents(new MsgpackScan(body), taker);
  } catch (error) {
    if (!(error instanceof MsgpackSyntaxError)) throw error;
    throw unreadable(refuse('malformed-request', `the body is not MessagePack: ${error.message}`));
  }
}

/** Read in one pass, so that a pause is possible behind each event; what follows the events is judged when it comes. */
function* msgpackEvents(scan: MsgpackScan, taker: PlainTaker): EventSequence {
  const members = scan.enterMap();
  if (members === null) throw unreadable(notAnObject);
  let seen = 0;
  for (let member = 0; member < members; member++) {
    const name = scan.takeText();
    if (name === null) throw unreadable(refuse('malformed-request', 'a key of the batch must be a text'));
    if (name === 'events') seen++;
    refuseMembers(name === 'events' ? [] : [name], seen > 1);
    yield* msgpackArray(scan, taker);
  }
  scan.expectEnd();
  if (seen === 0) throw unreadable(noEvents);
}

function* msgpackArray(scan: MsgpackScan, taker: PlainTaker): EventSequence {
  const events = scan.enterArray();
  if (events === null || events === 0) throw unreadable(noEvents);
  if (events > batchEventsMax) throw unreadable(tooMany);
  let jsonBytes = 0;
  for (let index = 0; index < events; index++) {
    const from = scan.at;
    const event = takeMsgpackEvent(scan);
    if (isRefusal(event)) {
      scan.moveTo(from);
      yield* skipEvent(scan);
    } else jsonBytes += event.end - event.start;
    if (jsonBytes > msgpackJsonBytesMax)
      throw unreadable(refuse('too-large', `as JSON the batch has more than ${msgpackJsonBytesMax} bytes`));
    const other = isRefusal(event) ? event : takenOrLocated(event, taker);
    if (other !== null || taker.isPauseDue) yield other;
  }
}

function* skipEvent(scan: MsgpackScan): EventSequence {
  for (let left = 1; left > 0; ) {
    left = scan.skipSome(left, skipHeads);
    if (left > 0) yield null;
  }
}

/** Null: it has been taken. What is returned lies in the memory of `written`, up to the next event. */
export function takenOrLocated({ bytes, start, end }: JsonBytes, taker: PlainTaker): EventBytes | null {
  if (takesAll(taker, bytes, { at: start, end })) return null;
  const body = bytes.subarray(start, end);
  return { body, encoding: textEncodingOf(body), span: locateEvent(body) };
}

/** All events that come as MessagePack, one after the other: nobody looks at one any more when the next is written. */
const written = new JsonBytes(eventBodyBytesMax);

/** As JSON, up to the next one. Where it is refused the place is anywhere in the event. Throws MsgpackSyntaxError. */
export function takeMsgpackEvent(scan: MsgpackScan): JsonBytes | Refusal {
  try {
    scan.takeAsJson(written);
    return written;
  } catch (error) {
    if (error instanceof NotJsonError)
      return refuseFields([{ pointer: '', detail: `cannot be written as JSON: ${error.message}` }]);
    if (error instanceof JsonTooLongError) return refuse('too-large', error.message);
    throw error;
  }
}

function textEncodingOf(body: Buffer): EventBytes['encoding'] {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') throw unreadable(encoding);
  return encoding;
}

function refuseMembers(unknown: readonly string[], eventsTwice: boolean): void {
  if (eventsTwice || new Set(unknown).size < unknown.length) {
    throw unreadable(refuse('malformed-json', 'a key of the batch is given twice'));
  }
  if (unknown.length === 0) return;
  throw unreadable(
    refuseFields(unknown.slice(0, 20).map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' }))),
  );
}

function unreadable(refusal: Refusal): UnreadableError {
  return new UnreadableError(refusal);
}

/** Skipped between two pauses, a few milliseconds. */
const skipHeads = 100_000;
/** Walked over between two pauses where there is no event to pause behind. */
const pauseEveryBytes = 256 * 1024;
const eventsMax = grouped(batchEventsMax);
const notAnObject = refuseFields([{ pointer: '', detail: 'a batch must be an object with a member `events`' }]);
const noEvents = refuseFields([{ pointer: '/events', detail: `must be an array of 1 to ${eventsMax} events` }]);
const overlong = refuse('too-large', `an event may have at most ${eventBodyBytesMax} bytes, as if it came alone`);
const tooMany = refuse('too-large', `a batch holds at most ${batchEventsMax} events`);
