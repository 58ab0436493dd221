/**
 * The short way from the bytes of an event to its spec, for events that are plain: known fields, each once, texts of printable
 * ASCII without escapes, whole numbers written as such, tags and nothing else nested outside of the payload.
 *
 * It refuses nothing and finds no faults: whatever is not plain, or plainly right, is left to `readEvent`, which accepts it or says
 * why not. A property test holds the two against each other: what this accepts, that one accepts, as the very same bytes.
 *
 * The span has been walked over, so its grammar is known to be right: a value ends where the next comma or brace stands.
 */
import {
  aheadMsMax,
  type EventSpec,
  payloadBytesMax,
  payloadDepthMax,
  PlainSpec,
  type SpecSheet,
  tagsMax,
} from '../../engine/index.js';
import { destinationCharsMax, tagNameCharsMax, tagValueCharsMax } from '../limits.js';
import type { DestinationCheck } from './destination.js';
import type { EventContext } from './event-input.js';
import type { EventBytes } from './event-fields.js';
import { parseInstant } from './instant.js';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const absent = -1;

/** Fields that are read here, with the bits under which they are seen. */
const fields = {
  external_job_id: 1,
  source: 2,
  type: 4,
  description: 8,
  scheduled_at: 16,
  delay_ms: 32,
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

/** Names by length: no two of one length share their fourth letter. */
const namesByLength = byLength(Object.keys(fields) as FieldName[]);
const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'].map((text) => Buffer.from(text));
const http = Buffer.from('HTTP');

/** What may stand in a label. */
const isLabelByte = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-') isLabelByte[char.charCodeAt(0)] = 1;

export class PlainEventReader {
  readonly #spec = new PlainSpec();
  #destinations: DestinationCheck | null = null;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #seen = 0;

  /** True: the event is right, and on the sheet. */
  add(bytes: EventBytes, context: EventContext, sheet: SpecSheet): boolean {
    if (!this.read(bytes, context)) return false;
    this.#spec.addTo(sheet);
    return true;
  }

  /** The event that was read last, on the sheet and as everybody else knows it. */
  addTo(sheet: SpecSheet): EventSpec {
    const spec = this.#spec.toSpec();
    if (this.#spec.hasKey) sheet.add(spec, this.#spec.timeGiven);
    else this.#spec.addTo(sheet);
    return spec;
  }

  /** True: the event is right; `addTo` may follow. */
  read({ body, span }: EventBytes, context: EventContext): boolean {
    if (span.members <= 0 || span.payloadTwice || span.payloadDepth > payloadDepthMax) return false;
    if (span.payloadEnd - span.payloadAt > payloadBytesMax) return false;
    // Of a message: it may say what an event does not.
    if (context.source !== undefined || context.askedAtMs !== undefined) return false;
    const spec = this.#spec;
    this.#bytes = body;
    this.#destinations = context.destinations;
    this.#seen = 0;
    this.#at = span.at + 1;
    spec.begin(body);
    for (let member = 0; member < span.members; member++) if (!this.#readMember(span, context)) return false;
    if (spec.destination === null) return false;
    const { nowMs } = context;
    if (!spec.timeGiven) spec.scheduledAtMs = nowMs;
    else if (spec.scheduledAtMs - nowMs > aheadMsMax) return false;
    spec.createdAtMs = nowMs;
    spec.idempotencyKey = context.idempotencyKey;
    spec.traceparent = context.traceparent;
    return true;
  }

  #readMember({ payloadAt, payloadEnd }: EventBytes['span'], { nowMs }: EventContext): boolean {
    const keyAt = this.#text(127);
    if (keyAt === absent) return false;
    const field = fieldAt(this.#bytes, keyAt, this.#at - 1);
    if (field === 0 || (this.#seen & field) !== 0) return false;
    this.#seen |= field;
    const spec = this.#spec;
    this.#skipTo(0x3a);
    switch (field) {
      case fields.external_job_id:
        spec.externalJobIdAt = this.#text(255);
        spec.externalJobIdEnd = this.#at - 1;
        return spec.externalJobIdAt !== absent && spec.externalJobIdEnd > spec.externalJobIdAt;
      case fields.source:
        spec.sourceAt = this.#label();
        spec.sourceEnd = this.#at - 1;
        return spec.sourceAt !== absent;
      case fields.type:
        spec.typeAt = this.#label();
        spec.typeEnd = this.#at - 1;
        return spec.typeAt !== absent;
      case fields.description:
        spec.descriptionAt = this.#text(1_000);
        spec.descriptionEnd = this.#at - 1;
        return spec.descriptionAt !== absent;
      case fields.scheduled_at:
        return this.#takeTime(this.#instant(), null);
      case fields.delay_ms: {
        const delayMs = this.#whole(aheadMsMax);
        return this.#takeTime(nowMs + delayMs, delayMs);
      }
      case fields.delivery_type:
        return this.#isOneOf([http]) !== absent;
      case fields.destination:
        return this.#destination();
      case fields.method:
        spec.methodAt = this.#isOneOf(methods);
        spec.methodEnd = this.#at - 1;
        return spec.methodAt !== absent;
      case fields.payload:
        spec.payloadAt = payloadAt;
        spec.payloadEnd = payloadEnd;
        this.#at = payloadEnd;
        return true;
      case fields.priority:
        spec.priority = this.#whole(9);
        return spec.priority !== absent;
      case fields.max_retries:
        spec.maxRetries = this.#whole(100);
        return spec.maxRetries !== absent;
      case fields.timeout_ms:
        spec.timeoutMs = this.#whole(1_800_000);
        return spec.timeoutMs >= 100;
      case fields.expires_at:
        spec.expiresAtMs = this.#instant();
        return spec.expiresAtMs > 0;
      default:
        return this.#tags();
    }
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

  /** Moves behind the next byte of this kind; only white space, a comma or a brace may lie before it. */
  #skipTo(byte: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (bytes[at] !== byte) at++;
    this.#at = at + 1;
  }

  /** To the next token that is neither white space nor a comma. */
  #peek(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at]!;
    while (byte <= 0x20 || byte === 0x2c) byte = bytes[++at]!;
    this.#at = at;
    return byte;
  }

  /** Over a text. Returns where it begins behind its quote; the place is behind its other quote then. */
  #text(charsMax: number): number {
    if (this.#peek() !== quote) return absent;
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let at = from;
    for (let byte = bytes[at]!; byte !== quote; byte = bytes[++at]!) {
      if (byte === backslash || byte < 0x20 || byte > 0x7e) return absent;
    }
    this.#at = at + 1;
    return at - from <= charsMax ? from : absent;
  }

  #label(): number {
    if (this.#peek() !== quote) return absent;
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let at = from;
    while (isLabelByte[bytes[at]!] === 1) at++;
    this.#at = at + 1;
    return bytes[at] === quote && at > from && at - from <= 128 ? from : absent;
  }

  /** Up to 15 digits, so that the number is exact. */
  #whole(max: number): number {
    this.#peek();
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (let byte = bytes[at]!; byte >= 0x30 && byte <= 0x39; byte = bytes[++at]!) value = value * 10 + byte - 0x30;
    this.#at = at;
    const next = bytes[at]!;
    // A fraction, an exponent: numbers of another kind, which may come to the same.
    const isOver = next === 0x2c || next === closeBrace || next <= 0x20;
    return isOver && at > from && at - from <= 15 && value <= max ? value : absent;
  }

  #instant(): number {
    const from = this.#text(64);
    if (from === absent) return absent;
    const instant = parseInstant(this.#bytes.toString('latin1', from, this.#at - 1));
    return typeof instant === 'number' ? instant : absent;
  }

  #isOneOf(texts: readonly Buffer[]): number {
    const from = this.#text(16);
    if (from === absent) return absent;
    for (const text of texts) if (isText(this.#bytes, from, this.#at - 1, text)) return from;
    return absent;
  }

  #destination(): boolean {
    const from = this.#text(destinationCharsMax);
    if (from === absent) return false;
    this.#spec.destination = this.#destinations!.plain(this.#bytes, from, this.#at - 1);
    return this.#spec.destination !== null;
  }

  /** Sorted by name as they come; most have two or three. */
  #tags(): boolean {
    const { tags } = this.#spec;
    const bytes = this.#bytes;
    if (this.#peek() !== openBrace) return false;
    this.#at++;
    while (this.#peek() !== closeBrace) {
      const nameAt = this.#text(tagNameCharsMax);
      const nameEnd = this.#at - 1;
      if (nameAt === absent || nameEnd === nameAt || tags.length === 4 * tagsMax) return false;
      this.#skipTo(0x3a);
      const valueAt = this.#text(tagValueCharsMax);
      if (valueAt === absent) return false;
      let place = tags.length;
      tags.push(nameAt, nameEnd, valueAt, this.#at - 1);
      for (; place > 0; place -= 4) {
        const order = compare(bytes, tags[place - 4]!, tags[place - 3]!, nameAt, nameEnd);
        // The parser would keep one of them.
        if (order === 0) return false;
        if (order < 0) break;
        tags.copyWithin(place, place - 4, place);
        tags[place - 4] = nameAt;
        tags[place - 3] = nameEnd;
        tags[place - 2] = valueAt;
        tags[place - 1] = this.#at - 1;
      }
    }
    this.#at++;
    return true;
  }
}

function byLength(names: readonly FieldName[]): { readonly text: Buffer; readonly bit: number }[][] {
  const found: { text: Buffer; bit: number }[][] = Array.from({ length: 128 }, () => []);
  for (const name of names) found[name.length]!.push({ text: Buffer.from(name), bit: fields[name] });
  return found;
}

/** 0: none of those that are read here. */
function fieldAt(bytes: Buffer, at: number, end: number): number {
  for (const { text, bit } of namesByLength[end - at]!) if (isText(bytes, at, end, text)) return bit;
  return 0;
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
