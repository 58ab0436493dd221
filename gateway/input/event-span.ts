/**
 * Where an event and its payload are in a body of bytes: all that the walk over the bytes has to find out. Making fields
 * of it comes later, event by event, so that a batch of 10,000 does not hold the thread in one go.
 */
import { batchEventsMax } from '../../engine/index.js';
import { JsonScan } from './json-scan.js';

export interface EventSpan {
  readonly at: number;
  readonly end: number;
  /** Members as written; -1 when the value is no object. */
  readonly members: number;
  /** -1 when there is none. */
  readonly payloadAt: number;
  readonly payloadEnd: number;
  readonly payloadDepth: number;
  readonly payloadTwice: boolean;
}

/** More events than a batch may hold: the rest of the body is not worth a look. */
export class TooManyEventsError extends Error {
  override readonly name = 'TooManyEventsError';
}

export interface BatchSpans {
  /** Null when `events` is missing or no array. */
  readonly events: readonly EventSpan[] | null;
  readonly eventsTwice: boolean;
  readonly unknownMembers: readonly string[];
  readonly isObject: boolean;
}

/** The whole body is one value. Throws JsonSyntaxError. */
export function locateEvent(body: Buffer): EventSpan {
  const scan = new JsonScan(body);
  const span = locate(scan, body);
  scan.expectEnd();
  return span;
}

/** `{"events":[…]}`. Throws JsonSyntaxError and TooManyEventsError. */
export function locateBatch(body: Buffer): BatchSpans {
  const scan = new JsonScan(body);
  const unknownMembers: string[] = [];
  let events: EventSpan[] | null = null;
  let seen = 0;
  const isObject = scan.peek() === 0x7b;
  if (!isObject) scan.skipValue();
  else {
    scan.eachMember((keyAt, keyEnd) => {
      if (!keyIs({ body, keyAt, keyEnd, name: eventsKey })) {
        unknownMembers.push(keyText(body, keyAt, keyEnd));
        scan.skipValue();
        return;
      }
      seen++;
      if (scan.peek() !== 0x5b) {
        scan.skipValue();
        return;
      }
      const spans: EventSpan[] = [];
      scan.eachElement((index) => {
        if (index === batchEventsMax) throw new TooManyEventsError(`a batch holds at most ${batchEventsMax} events`);
        spans.push(locate(scan, body));
      });
      events = spans;
    });
  }
  scan.expectEnd();
  return { events, eventsTwice: seen > 1, unknownMembers, isObject };
}

/** Which key of the object at `span` is written twice; null when none is. Slow: for the message of a refusal. */
export function repeatedKey(body: Buffer, span: EventSpan): string | null {
  const scan = new JsonScan(body, span.at);
  const names = new Set<string>();
  let repeated: string | null = null;
  scan.eachMember((keyAt, keyEnd) => {
    const name = keyText(body, keyAt, keyEnd);
    if (names.has(name)) repeated ??= name;
    names.add(name);
    scan.skipValue();
  });
  return repeated;
}

const payloadKey = Buffer.from('payload');
const eventsKey = Buffer.from('events');

function locate(scan: JsonScan, body: Buffer): EventSpan {
  const isObject = scan.peek() === 0x7b;
  const at = scan.at;
  let members = 0;
  let payloadAt = -1;
  let payloadEnd = -1;
  let payloadDepth = 0;
  let payloadTwice = false;
  if (!isObject) {
    scan.skipValue();
    members = -1;
  } else {
    scan.eachMember((keyAt, keyEnd) => {
      members++;
      const valueAt = scan.at;
      scan.skipValue();
      if (!keyIs({ body, keyAt, keyEnd, name: payloadKey })) return;
      payloadTwice = payloadAt !== -1;
      payloadAt = valueAt;
      payloadEnd = scan.at;
      payloadDepth = scan.depthReached;
    });
  }
  return { at, end: scan.at, members, payloadAt, payloadEnd, payloadDepth, payloadTwice };
}

/** A key may be written with escapes (`"\u0070ayload"`) and is the same key. Up to its first escape it must agree. */
function keyIs({ body, keyAt, keyEnd, name }: { body: Buffer; keyAt: number; keyEnd: number; name: Buffer }): boolean {
  for (let at = keyAt; at < keyEnd; at++) {
    if (body[at] === 0x5c) return keyText(body, keyAt, keyEnd) === name.toString();
    if (body[at] !== name[at - keyAt]) return false;
  }
  return keyEnd - keyAt === name.length;
}

function keyText(body: Buffer, keyAt: number, keyEnd: number): string {
  return JSON.parse(body.toString('utf8', keyAt - 1, keyEnd + 1)) as string;
}
