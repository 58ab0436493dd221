/**
 * A spec whose texts still lie in the bytes of a request: written to a sheet without an object or a string for any of them.
 *
 * Nine events of ten are plain: texts of printable ASCII without escapes, nothing nested but tags. Made into fields, checked,
 * made into a spec and encoded, such an event costs 5 us; written from where it lies, 1 us. Whoever fills this in has judged
 * every field (`gateway/input/plain-event.ts`); what is not plain goes the long way, and comes out as the very same bytes.
 *
 * One instance serves many; it holds nothing between two events but its memory.
 */
import type { WallMs } from '../kernel/brand.js';
import { fnv1a32Of } from '../kernel/fnv1a.js';
import { signatureOfHash } from './labels.js';
import { originOf } from './origin.js';
import {
  defaultMaxRetries,
  defaultPriority,
  defaultRetry,
  defaultSource,
  defaultTimeoutMs,
  type EventSpec,
  type HttpMethod,
} from './spec.js';
import { layOutSpecHead, specHeadBytes } from './spec-codec.js';
import type { SpecSheet } from './spec-sheet.js';

/** A URL, judged, and what is worked out from it. */
export interface PlainDestination {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** As in `Labels`. */
  readonly label: number;
  readonly origin: Uint8Array;
}

/** `text` has passed validation and is ASCII. */
export function plainDestination(text: string): PlainDestination {
  const bytes = Buffer.from(text);
  return { text, bytes, label: labelOf(bytes, 0, bytes.length), origin: Buffer.from(originOf('HTTP', text)) };
}

/** A text in the bytes: where it begins and ends. */
const absent = -1;
const defaultSourceBytes = Buffer.from(defaultSource);
const post = Buffer.from('POST');

export class PlainSpec {
  bytes: Buffer = Buffer.alloc(0);
  externalJobIdAt = absent;
  externalJobIdEnd = absent;
  sourceAt = absent;
  sourceEnd = absent;
  typeAt = absent;
  typeEnd = absent;
  descriptionAt = absent;
  descriptionEnd = absent;
  methodAt = absent;
  methodEnd = absent;
  payloadAt = absent;
  payloadEnd = absent;
  destination: PlainDestination | null = null;
  timeGiven = false;
  scheduledAtMs = 0;
  delayMs: number | null = null;
  expiresAtMs: number | null = null;
  createdAtMs = 0;
  priority = defaultPriority;
  maxRetries = defaultMaxRetries;
  timeoutMs = defaultTimeoutMs;
  idempotencyKey: string | null = null;
  traceparent: string | null = null;
  /** Of each tag where its name and its value begin and end, in the order of the names. */
  readonly tags: number[] = [];

  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.externalJobIdAt = absent;
    this.sourceAt = absent;
    this.typeAt = absent;
    this.descriptionAt = absent;
    this.methodAt = absent;
    this.payloadAt = absent;
    this.destination = null;
    this.timeGiven = false;
    this.delayMs = null;
    this.expiresAtMs = null;
    this.priority = defaultPriority;
    this.maxRetries = defaultMaxRetries;
    this.timeoutMs = defaultTimeoutMs;
    this.tags.length = 0;
  }

  get hasKey(): boolean {
    return this.externalJobIdAt !== absent || this.idempotencyKey !== null;
  }

  /** As everybody else knows it. The payload is a view into the bytes. */
  toSpec(): EventSpec {
    const tags: [string, string][] = [];
    for (let at = 0; at < this.tags.length; at += 4) {
      tags.push([this.#text(this.tags[at]!, this.tags[at + 1]!)!, this.#text(this.tags[at + 2]!, this.tags[at + 3]!)!]);
    }
    const hasJobId = this.externalJobIdAt !== absent;
    return {
      externalJobId: this.#text(this.externalJobIdAt, this.externalJobIdEnd),
      source: this.#text(this.sourceAt, this.sourceEnd) ?? defaultSource,
      type: this.#text(this.typeAt, this.typeEnd),
      description: this.#text(this.descriptionAt, this.descriptionEnd),
      scheduledAtMs: this.scheduledAtMs as WallMs,
      delayMs: this.delayMs,
      deliveryType: 'HTTP',
      destination: this.destination!.text,
      method: (this.#text(this.methodAt, this.methodEnd) as HttpMethod | null) ?? 'POST',
      headers: none,
      payload: this.payloadAt === absent ? null : this.bytes.subarray(this.payloadAt, this.payloadEnd),
      priority: this.priority,
      maxRetries: this.maxRetries,
      retry: defaultRetry,
      timeoutMs: this.timeoutMs,
      expiresAtMs: this.expiresAtMs as WallMs | null,
      tags,
      idempotencyKey: hasJobId ? null : this.idempotencyKey,
      traceparent: this.traceparent,
      createdAtMs: this.createdAtMs as WallMs,
    };
  }

  #text(at: number, end: number): string | null {
    return at === absent ? null : this.bytes.toString('latin1', at, end);
  }

  /** The next spec of the sheet. One with a key needs its texts anyway, for its fingerprint. */
  addTo(sheet: SpecSheet): void {
    if (this.hasKey) {
      sheet.add(this.toSpec(), this.timeGiven);
      return;
    }
    const { bytes, tags } = this;
    const { origin, label, bytes: url } = this.destination!;
    const payloadLength = this.payloadAt === absent ? 0 : this.payloadEnd - this.payloadAt;
    const room = sheet.roomFor(this.#lengthMax(origin.length + url.length + payloadLength));
    const { bytes: out, view, end: start } = room;
    const restAt = start + specHeadBytes + origin.length;
    copy(origin, 0, origin.length, out, start + specHeadBytes);
    let at = restAt;
    out[at++] = 0x9e;
    out[at++] = nil;
    at =
      this.sourceAt === absent
        ? putText(defaultSourceBytes, 0, defaultSourceBytes.length, out, at)
        : putText(bytes, this.sourceAt, this.sourceEnd, out, at);
    at = putText(bytes, this.typeAt, this.typeEnd, out, at);
    at = putText(bytes, this.descriptionAt, this.descriptionEnd, out, at);
    if (this.delayMs === null) out[at++] = nil;
    else at = putWhole(this.delayMs, view, at);
    at = putText(url, 0, url.length, out, at);
    at =
      this.methodAt === absent ? putText(post, 0, post.length, out, at) : putText(bytes, this.methodAt, this.methodEnd, out, at);
    out[at++] = 0x90;
    out[at++] = payloadLength === 0 ? 0xc2 : 0xc3;
    at = putWhole(this.timeoutMs, view, at);
    at = putLength(tags.length / 4, view, at);
    let [high, low] = [0, 0];
    for (let tag = 0; tag < tags.length; tag += 4) {
      out[at++] = 0x92;
      at = putText(bytes, tags[tag]!, tags[tag + 1]!, out, at);
      at = putText(bytes, tags[tag + 2]!, tags[tag + 3]!, out, at);
      const hash = fnv1a32Of(bytes, tags[tag]!, tags[tag + 1]!);
      const signature = signatureOfHash(fnv1a32Of(bytes, tags[tag + 2]!, tags[tag + 3]!, fnv1a32Of(separator, 0, 1, hash)) || 1);
      high |= signature.high;
      low |= signature.low;
    }
    out[at++] = nil;
    at = this.traceparent === null ? putNil(out, at) : putAscii(this.traceparent, out, at);
    out[at++] = nil;
    layOutSpecHead(view, start, {
      priority: this.priority,
      maxRetries: this.maxRetries,
      deliveryType: 'HTTP',
      tagHigh: 0,
      tagLow: 0,
      restBytes: at - restAt,
      scheduledAtMs: this.scheduledAtMs,
      expiresAtMs: this.expiresAtMs ?? 0,
      createdAtMs: this.createdAtMs,
      retry: defaultRetry,
      originBytes: origin.length,
      source:
        this.sourceAt === absent
          ? labelOf(defaultSourceBytes, 0, defaultSourceBytes.length)
          : labelOf(bytes, this.sourceAt, this.sourceEnd),
      type: this.typeAt === absent ? 0 : labelOf(bytes, this.typeAt, this.typeEnd),
      destination: label,
      signatureHigh: high >>> 0,
      signatureLow: low >>> 0,
    });
    if (payloadLength > 0) {
      out.set(new Uint8Array(bytes.buffer, bytes.byteOffset + this.payloadAt, payloadLength), at);
      at += payloadLength;
    }
    room.end = at;
    sheet.written(null, this.createdAtMs as WallMs);
  }

  /** Each text has up to five bytes before it. */
  #lengthMax(longest: number): number {
    const { tags } = this;
    let length = specHeadBytes + longest + fixedBytesMax + (this.traceparent?.length ?? 0);
    if (this.sourceAt !== absent) length += this.sourceEnd - this.sourceAt;
    if (this.typeAt !== absent) length += this.typeEnd - this.typeAt;
    if (this.descriptionAt !== absent) length += this.descriptionEnd - this.descriptionAt;
    for (let at = 0; at < tags.length; at += 2) length += textHeadMax + 1 + tags[at + 1]! - tags[at]!;
    return length;
  }
}

const none: EventSpec['headers'] = [];
const nil = 0xc0;
const textHeadMax = 5;
/** Everything but the texts. */
const fixedBytesMax = 128;
const separator = new Uint8Array([0]);

function labelOf(bytes: Uint8Array, from: number, to: number): number {
  return fnv1a32Of(bytes, from, to) || 1;
}

/** Short stretches are not worth a call out of the engine's code. */
function copy(from: Uint8Array, at: number, end: number, to: Uint8Array, toAt: number): void {
  for (let byte = at; byte < end; byte++) to[toAt + byte - at] = from[byte]!;
}

// MessagePack, as msgpackr writes it.

function putNil(out: Uint8Array, at: number): number {
  out[at] = nil;
  return at + 1;
}

function putText(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  if (start === absent) return putNil(out, at);
  const textAt = putTextHead(end - start, out, at);
  copy(from, start, end, out, textAt);
  return textAt + end - start;
}

function putAscii(text: string, out: Uint8Array, at: number): number {
  const textAt = putTextHead(text.length, out, at);
  for (let char = 0; char < text.length; char++) out[textAt + char] = text.charCodeAt(char);
  return textAt + text.length;
}

function putTextHead(length: number, out: Uint8Array, at: number): number {
  if (length < 0x20) {
    out[at] = 0xa0 | length;
    return at + 1;
  }
  if (length < 0x100) {
    out[at] = 0xd9;
    out[at + 1] = length;
    return at + 2;
  }
  out[at] = 0xda;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  return at + 3;
}

function putLength(length: number, view: DataView, at: number): number {
  if (length < 0x10) {
    view.setUint8(at, 0x90 | length);
    return at + 1;
  }
  view.setUint8(at, 0xdc);
  view.setUint16(at + 1, length);
  return at + 3;
}

function putWhole(value: number, view: DataView, at: number): number {
  if (value < 0x80) {
    view.setUint8(at, value);
    return at + 1;
  }
  if (value < 0x100) {
    view.setUint8(at, 0xcc);
    view.setUint8(at + 1, value);
    return at + 2;
  }
  if (value < 0x10000) {
    view.setUint8(at, 0xcd);
    view.setUint16(at + 1, value);
    return at + 3;
  }
  if (value < 0x100000000) {
    view.setUint8(at, 0xce);
    view.setUint32(at + 1, value);
    return at + 5;
  }
  view.setUint8(at, 0xcb);
  view.setFloat64(at + 1, value);
  return at + 9;
}
