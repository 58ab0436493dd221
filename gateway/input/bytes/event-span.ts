/** Where an event and its payload are in a body of bytes: all that the walk over the bytes has to find out. */
import { JsonScan, JsonSyntaxError } from './json-scan.js';

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

/** The whole body is one value. Throws JsonSyntaxError. */
export function locateEvent(body: Buffer): EventSpan {
  const scan = new JsonScan(body);
  const span = locate(scan, body);
  scan.expectEnd();
  return span;
}

/** The event at the place, if it has at most so many bytes; null, and nowhere gone, if it has more or is no JSON as far as that. */
export function locateEventWithin(bytesMax: number, scan: JsonScan, body: Buffer): EventSpan | null {
  const { at } = scan;
  const isCut = scan.lookAhead(bytesMax + 1);
  try {
    const span = locate(scan, body);
    if (!isCut || span.end - at <= bytesMax) return span;
  } catch (error) {
    // What is cut off need not be JSON.
    if (!isCut || !(error instanceof JsonSyntaxError)) throw error;
  } finally {
    scan.lookAhead(Number.POSITIVE_INFINITY);
  }
  scan.moveTo(at);
  return null;
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
export function keyIs({ body, keyAt, keyEnd, name }: { body: Buffer; keyAt: number; keyEnd: number; name: Buffer }): boolean {
  for (let at = keyAt; at < keyEnd; at++) {
    if (body[at] === 0x5c) return keyText(body, keyAt, keyEnd) === name.toString();
    if (body[at] !== name[at - keyAt]) return false;
  }
  return keyEnd - keyAt === name.length;
}

export function keyText(body: Buffer, keyAt: number, keyEnd: number): string {
  return JSON.parse(body.toString('utf8', keyAt - 1, keyEnd + 1)) as string;
}
