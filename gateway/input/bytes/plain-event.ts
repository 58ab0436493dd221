/**
 * The short way from the bytes of an event to its spec, for events that are plain: known fields, each once, texts of printable
 * ASCII without escapes, whole numbers written as such, tags and nothing else nested outside of the payload.
 *
 * It refuses nothing and finds no faults: whatever is not plain, or plainly right, is left to `readEvent`, which accepts it or says
 * why not. A property test holds the two against each other: what this accepts, that one accepts, as the very same bytes.
 *
 * Its grammar is judged on the way, so that nobody has to walk over it before.
 */
import { aheadMsMax, payloadBytesMax, payloadDepthMax, PlainSpec, type SpecSheet, tagsMax } from '../../../engine/index.js';
import { destinationCharsMax, tagNameCharsMax, tagValueCharsMax } from '../../limits.js';
import { AlikeEvents } from './alike-events.js';
import type { DestinationCheck } from '../fields/destination.js';
import type { EventContext } from '../event-input.js';
import { absent, PlainCursor } from './plain-cursor.js';
import { parseDelay } from '../fields/delay.js';
import { JsonScan, JsonSyntaxError } from './json-scan.js';

const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;
const comma = 0x2c;

/** Fields that are read here, with the bits under which they are seen. */
const fields = {
  external_job_id: 1,
  source: 2,
  type: 4,
  description: 8,
  scheduled_at: 16,
  delay_ms: 32,
  delay: 32_768,
  delivery_type: 64,
  destination: 128,
  method: 256,
  payload: 512,
  priority: 1_024,
  max_retries: 2_048,
  timeout_ms: 4_096,
  expires_at: 8_192,
  tags: 16_384,
} as const;
type FieldName = keyof typeof fields;

const names = Object.keys(fields).map((name) => ({ text: Buffer.from(name), bit: fields[name as FieldName] }));
/** A name's place in `names` by its length and its fourth letter, which no two names share; those that nobody has are the first one's. */
const nameAt = new Uint8Array(128 * 256);
for (const [place, { text }] of names.entries()) nameAt[(text.length << 8) | text[3]!] = place;
const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'].map((text) => Buffer.from(text));
const http = Buffer.from('HTTP');

export class PlainEventReader {
  readonly #spec = new PlainSpec();
  readonly #cursor = new PlainCursor();
  readonly #alike = new AlikeEvents();
  readonly #subjectSources = new SourceBytes();
  #destinations: DestinationCheck | null = null;
  /** What a delay counts from. */
  #askedAtMs = 0;
  #seen = 0;
  readonly #scan = new JsonScan(Buffer.alloc(0));

  /** The event that was read last; it is another one after the next. */
  get spec(): PlainSpec {
    return this.#spec;
  }

  /** True: the body, which is valid UTF-8, is an event, right, and on the sheet. */
  addWhole(body: Buffer, context: EventContext, sheet: SpecSheet): boolean {
    if (this.readAt(body, { at: 0, end: body.length }, context) === absent) return false;
    if (this.#cursor.peek() !== undefined) return false;
    this.#spec.addTo(sheet);
    return true;
  }

  /** Where the event ends that begins at `at` and is right; `absent`: it is not plain, or not over at `end`, or wrong. */
  readAt(body: Buffer, { at, end }: { readonly at: number; readonly end: number }, context: EventContext): number {
    const cursor = this.#cursor;
    cursor.bytes = body;
    cursor.at = at;
    cursor.end = end;
    if (this.#isAlike(context) && cursor.at <= end) return cursor.at;
    cursor.at = at;
    this.#alike.forget();
    if (!this.#read(context) || cursor.at > end) return absent;
    const { payloadAt, payloadEnd } = this.#spec;
    if (payloadAt !== absent) this.#alike.follow(body, { at, payloadAt, payloadEnd, end: cursor.at }, context);
    return cursor.at;
  }

  /** True: the event under the cursor has its payload and its place for itself, and all else is still in the spec. */
  #isAlike(context: EventContext): boolean {
    const cursor = this.#cursor;
    const spec = this.#spec;
    const payloadAt = this.#alike.payloadOf(cursor.bytes, cursor.at, context);
    if (payloadAt === absent) return false;
    cursor.at = payloadAt;
    if (!this.#payload()) return false;
    const end = this.#alike.endBehind(cursor.at);
    if (end === absent) return false;
    cursor.at = end;
    spec.index = context.index ?? null;
    spec.alike++;
    return true;
  }

  #read(context: EventContext): boolean {
    const { nowMs, askedAtMs = nowMs, source } = context;
    const spec = this.#spec;
    const body = this.#cursor.bytes;
    this.#destinations = context.destinations;
    this.#askedAtMs = askedAtMs;
    this.#seen = 0;
    spec.begin(body);
    if (!this.#readMembers() || spec.destination === null) return false;
    if (source !== undefined) {
      spec.sourceBytes = this.#subjectSources.of(source);
      if (spec.sourceAt !== absent && !isText(body, spec.sourceAt, spec.sourceEnd, spec.sourceBytes)) return false;
    }
    if (!spec.timeGiven) spec.scheduledAtMs = askedAtMs;
    else if (spec.scheduledAtMs - askedAtMs > aheadMsMax) return false;
    spec.createdAtMs = nowMs;
    spec.idempotencyKey = context.idempotencyKey;
    spec.index = context.index ?? null;
    spec.fingerprint = context.fingerprint ?? null;
    spec.traceparent = context.traceparent;
    return true;
  }

  #readMembers(): boolean {
    const cursor = this.#cursor;
    if (!cursor.take(openBrace)) return false;
    do {
      if (!this.#readMember()) return false;
    } while (cursor.take(comma));
    return cursor.take(closeBrace);
  }

  #readMember(): boolean {
    const cursor = this.#cursor;
    const keyAt = cursor.text(127);
    if (keyAt === absent) return false;
    const field = fieldAt(cursor.bytes, keyAt, cursor.at - 1);
    if (field === 0 || (this.#seen & field) !== 0) return false;
    this.#seen |= field;
    const spec = this.#spec;
    if (!cursor.take(colon)) return false;
    switch (field) {
      case fields.external_job_id:
        spec.externalJobIdAt = cursor.text(255);
        spec.externalJobIdEnd = cursor.at - 1;
        return spec.externalJobIdAt !== absent && spec.externalJobIdEnd > spec.externalJobIdAt;
      case fields.source:
        spec.sourceAt = cursor.label();
        spec.sourceEnd = cursor.at - 1;
        return spec.sourceAt !== absent;
      case fields.type:
        spec.typeAt = cursor.label();
        spec.typeEnd = cursor.at - 1;
        return spec.typeAt !== absent;
      case fields.description:
        spec.descriptionAt = cursor.text(1_000);
        spec.descriptionEnd = cursor.at - 1;
        return spec.descriptionAt !== absent;
      case fields.scheduled_at:
        return this.#takeTime(cursor.instant(), null);
      case fields.delay:
        return this.#takeDelay(this.#delay());
      case fields.delay_ms:
        return this.#takeDelay(cursor.whole(aheadMsMax));
      case fields.delivery_type:
        return this.#isOneOf([http]) !== absent;
      case fields.destination:
        return this.#destination();
      case fields.method:
        spec.methodAt = this.#isOneOf(methods);
        spec.methodEnd = cursor.at - 1;
        return spec.methodAt !== absent;
      case fields.payload:
        return this.#payload();
      case fields.priority:
        spec.priority = cursor.whole(9);
        return spec.priority !== absent;
      case fields.max_retries:
        spec.maxRetries = cursor.whole(100);
        return spec.maxRetries !== absent;
      case fields.timeout_ms:
        spec.timeoutMs = cursor.whole(1_800_000);
        return spec.timeoutMs >= 100;
      case fields.expires_at:
        spec.expiresAtMs = cursor.instant();
        return spec.expiresAtMs > 0;
      default:
        return this.#tags();
    }
  }

  #takeDelay(delayMs: number): boolean {
    return this.#takeTime(this.#askedAtMs + delayMs, delayMs);
  }

  #takeTime(scheduledAtMs: number, delayMs: number | null): boolean {
    const spec = this.#spec;
    // Two times contradict each other.
    if (spec.timeGiven || scheduledAtMs === absent || delayMs === absent) return false;
    spec.timeGiven = true;
    spec.scheduledAtMs = scheduledAtMs;
    spec.delayMs = delayMs;
    return true;
  }

  #delay(): number {
    const cursor = this.#cursor;
    const from = cursor.text(64);
    if (from === absent) return absent;
    const delayMs = parseDelay(cursor.bytes.toString('latin1', from, cursor.at - 1));
    return typeof delayMs === 'number' && delayMs <= aheadMsMax ? delayMs : absent;
  }

  #isOneOf(texts: readonly Buffer[]): number {
    const cursor = this.#cursor;
    const from = cursor.text(16);
    if (from === absent) return absent;
    for (const text of texts) if (isText(cursor.bytes, from, cursor.at - 1, text)) return from;
    return absent;
  }

  #destination(): boolean {
    const cursor = this.#cursor;
    const spec = this.#spec;
    const destinations = this.#destinations!;
    // Events of one batch mostly go where the one before went: then it is read once, and not for its end, its hash and to compare it.
    if (destinations.latest !== null && cursor.takeText(destinations.latest.bytes)) {
      spec.destination = destinations.latest;
      return true;
    }
    const from = cursor.text(destinationCharsMax);
    if (from === absent) return false;
    spec.destination = destinations.plain(cursor.bytes, from, cursor.at - 1);
    return spec.destination !== null;
  }

  #payload(): boolean {
    const spec = this.#spec;
    const cursor = this.#cursor;
    const scan = this.#scan;
    cursor.peek();
    const from = cursor.at;
    // One byte more, so that a payload that is too long is not cut to one that is not.
    scan.begin(cursor.bytes, from, Math.min(cursor.end, from + payloadBytesMax + 1));
    if (!skipsValue(scan) || scan.depthReached > payloadDepthMax || scan.at - from > payloadBytesMax) return false;
    spec.takePayload(from, scan.at);
    cursor.at = scan.at;
    return true;
  }

  /** Sorted by name as they come; most have two or three. */
  #tags(): boolean {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    const { tags } = this.#spec;
    if (!cursor.take(openBrace)) return false;
    if (cursor.take(closeBrace)) return true;
    do {
      const nameAt = cursor.text(tagNameCharsMax);
      const nameEnd = cursor.at - 1;
      if (nameAt === absent || nameEnd === nameAt || tags.length === 4 * tagsMax) return false;
      if (!cursor.take(colon)) return false;
      const valueAt = cursor.text(tagValueCharsMax);
      if (valueAt === absent) return false;
      let place = tags.length;
      tags.push(nameAt, nameEnd, valueAt, cursor.at - 1);
      for (; place > 0; place -= 4) {
        const order = compare(bytes, tags[place - 4]!, tags[place - 3]!, nameAt, nameEnd);
        // The parser would keep one of them.
        if (order === 0) return false;
        if (order < 0) break;
        tags.copyWithin(place, place - 4, place);
        tags[place - 4] = nameAt;
        tags[place - 3] = nameEnd;
        tags[place - 2] = valueAt;
        tags[place - 1] = cursor.at - 1;
      }
    } while (cursor.take(comma));
    return cursor.take(closeBrace);
  }
}

/** False: what stands there is no JSON, or goes on behind the end. */
function skipsValue(scan: JsonScan): boolean {
  try {
    scan.skipValue();
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}

/** Sources of subjects as bytes. Messages of one subject mostly come one after the other. */
class SourceBytes {
  #text = '';
  #bytes: Uint8Array = Buffer.alloc(0);

  of(text: string): Uint8Array {
    if (text !== this.#text) {
      this.#text = text;
      this.#bytes = Buffer.from(text);
    }
    return this.#bytes;
  }
}

/** 0: none of those that are read here. */
function fieldAt(bytes: Buffer, at: number, end: number): number {
  const { text, bit } = names[nameAt[((end - at) << 8) | bytes[at + 3]!]!]!;
  return isText(bytes, at, end, text) ? bit : 0;
}

function isText(bytes: Buffer, at: number, end: number, text: Uint8Array): boolean {
  if (end - at !== text.length) return false;
  for (let byte = 0; byte < text.length; byte++) if (bytes[at + byte] !== text[byte]) return false;
  return true;
}

function compare(bytes: Buffer, oneAt: number, oneEnd: number, otherAt: number, otherEnd: number): number {
  const length = Math.min(oneEnd - oneAt, otherEnd - otherAt);
  for (let byte = 0; byte < length; byte++) {
    const difference = bytes[oneAt + byte]! - bytes[otherAt + byte]!;
    if (difference !== 0) return difference;
  }
  return oneEnd - oneAt - (otherEnd - otherAt);
}
