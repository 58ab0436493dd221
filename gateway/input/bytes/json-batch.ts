/**
 * The walk over a batch written as JSON, `{"events":[…]}`: one event after the other, each where it lies in the bytes.
 *
 * Each event is offered to a `PlainTaker` first, which takes most of them; the walk goes on where they end. What it does not take is located
 * and told.
 *
 * A body of 32 MiB takes 0.1 to 0.5 s to walk over, and other requests wait for the same thread. So the walk is a generator, which
 * pauses when the taker has taken much, and where it has come far without an event: in white space, in a member that nobody knows,
 * in an event that is longer than an event may be. Such an event is refused, but its end has to be found for the sake of the others.
 *
 * What is wrong with the body as a whole shows when it has been walked over; whoever listens keeps the events until then.
 */
import { batchEventsMax, eventBodyBytesMax } from '../../../engine/index.js';
import { type EventSpan, keyIs, keyText, locateEventWithin } from './event-span.js';
import { JsonScan, JsonSyntaxError } from './json-scan.js';
import { absent } from './plain-cursor.js';
import type { PlainTaker } from './plain-taker.js';

/** More events than a batch may hold: the rest of the body is not worth a look. */
export class TooManyEventsError extends Error {
  override readonly name = 'TooManyEventsError';
}

/** Of the body as a whole. */
export interface BatchShape {
  readonly isObject: boolean;
  /** Null when `events` is missing or no array. */
  readonly events: number | null;
  readonly eventsTwice: boolean;
  /** The first of them. */
  readonly unknownMembers: readonly string[];
}

/** An event, one that is too long, or a place for a pause. */
export type BatchStep = EventSpan | 'overlong' | 'pause';
export type BatchWalk = Generator<BatchStep, BatchShape>;

/** Throws JsonSyntaxError and TooManyEventsError. */
export function* walkBatch(body: Buffer, taker: PlainTaker): BatchWalk {
  const scan = new JsonScan(body);
  yield* space(scan);
  const isObject = scan.peek() === openBrace;
  const unknownMembers: string[] = [];
  let events: number | null = null;
  let seen = 0;
  if (!isObject) yield* value(scan);
  else {
    let pausedAt = 0;
    for (let more = scan.enterObject(); more; more = scan.nextMember()) {
      const key = yield* keyOf(scan, body);
      if (key === 'events' && ++seen === 1 && scan.peek() === openBracket) {
        events = yield* eventsIn(scan, body, taker);
      } else {
        if (key !== 'events' && unknownMembers.length < unknownMembersMax) unknownMembers.push(key);
        yield* value(scan);
      }
      yield* space(scan);
      if (scan.at - pausedAt < sliceBytes) continue;
      pausedAt = scan.at;
      yield 'pause';
    }
  }
  yield* space(scan);
  scan.expectEnd();
  return { isObject, events, eventsTwice: seen > 1, unknownMembers };
}

/** A generator for each stretch of white space would be noticed here: there are two for each event. */
function* eventsIn(scan: JsonScan, body: Buffer, taker: PlainTaker): Generator<BatchStep, number> {
  let events = 0;
  for (let more = scan.enterArray(); more; more = scan.nextElement()) {
    if (events++ === batchEventsMax) throw new TooManyEventsError(`a batch holds at most ${batchEventsMax} events`);
    while (!scan.skipSpace(sliceBytes)) yield 'pause';
    const end = taker.read(body, scan.at, Math.min(body.length, scan.at + eventBodyBytesMax));
    if (end !== absent) {
      taker.keep();
      scan.moveTo(end);
      if (taker.isPauseDue) yield 'pause';
    } else {
      const span = locateEventWithin(eventBodyBytesMax, scan, body);
      if (span === null) yield* value(scan);
      yield span ?? 'overlong';
    }
    while (!scan.skipSpace(sliceBytes)) yield 'pause';
  }
  return events;
}

/** A key, from its quote to its value. A long one is nobody's, and its beginning says enough. */
function* keyOf(scan: JsonScan, body: Buffer): Generator<BatchStep, string> {
  yield* space(scan);
  if (scan.peek() !== quote) throw new JsonSyntaxError(scan.at, 'expected a key');
  const keyAt = scan.at + 1;
  yield* value(scan);
  const keyEnd = scan.at - 1;
  yield* space(scan);
  scan.expectColon();
  yield* space(scan);
  if (keyIs({ body, keyAt, keyEnd, name: eventsKey })) return 'events';
  return keyEnd - keyAt > keyBytesMax ? `${body.toString('latin1', keyAt, keyAt + keyBytesMax)}…` : keyText(body, keyAt, keyEnd);
}

function* value(scan: JsonScan): Generator<BatchStep, void> {
  scan.beginValue();
  while (!scan.skipSome(sliceBytes)) yield 'pause';
}

function* space(scan: JsonScan): Generator<BatchStep, void> {
  while (!scan.skipSpace(sliceBytes)) yield 'pause';
}

/** Walked over between two pauses: 1 ms, or 4 where it is all commas. */
const sliceBytes = 256 * 1024;
/** Enough for a refusal. */
const unknownMembersMax = 100;
const keyBytesMax = 128;
const openBrace = 0x7b;
const openBracket = 0x5b;
const quote = 0x22;
const eventsKey = Buffer.from('events');
