/**
 * A spec whose texts still lie in the bytes of a request: written to a sheet without an object or a string for any of them.
 *
 * Nine events of ten are plain: texts of printable ASCII without escapes, nothing nested but tags. Made into fields, checked,
 * made into a spec and encoded, such an event costs 5 us; written from where it lies, 1 us. Whoever fills this in has judged
 * every field (`gateway/input/bytes/plain-event.ts`); what is not plain goes the long way, and comes out as the very same bytes. An event with
 * a key costs 1.5 us more for its fingerprint, where the long way takes 8 more.
 *
 * One instance serves many; it holds nothing between two events but its memory.
 */
import type { Slot, WallMs } from '../kernel/brand.js';
import { putBytes, Stretches } from '../kernel/copied-bytes.js';
import { fnv1a32Of } from '../kernel/fnv1a.js';
import { fingerprintBytes, type KeyTag, type Stretch, slotOfKeyIn, tagOfKeyIn } from './content.js';
import { signatureOfHash } from './labels.js';
import { putAscii, putBinary, putLength, putNil, putText, putWhole, putWholeText, textHeadMax } from './msgpack-put.js';
import { originOf } from './origin.js';
import { PlainFingerprint } from './plain-fingerprint.js';
import { RequestKey } from './request-key.js';
import { defaultMaxRetries, defaultPriority, defaultRetry, defaultSource, defaultTimeoutMs } from './spec.js';
import { layOutKeyOfHead, layOutSpecHead, type SpecRoom, specHeadBytes } from './spec-codec.js';
import type { SpecSheet } from './spec-sheet.js';

/** A URL, judged, and what is worked out from it. */
export interface PlainDestination {
  readonly bytes: Uint8Array;
  /** As in `Labels`. */
  readonly label: number;
  readonly origin: Uint8Array;
}

/** `text` has passed validation and is ASCII. */
export function plainDestination(text: string): PlainDestination {
  const bytes = Buffer.from(text);
  return { bytes, label: labelOf(bytes, 0, bytes.length), origin: Buffer.from(originOf('HTTP', text)) };
}

/** A text in the bytes: where it begins and ends. */
const absent = -1;
const nothing = new Uint8Array(0);
/** What payloads lie in. */
const bodies = new Stretches();
const fingerprints = new PlainFingerprint();
const requestKey = new RequestKey();
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
  /** Unless the event names one. */
  sourceBytes: Uint8Array = defaultSourceBytes;
  /** Good for as long as the bytes are. */
  payload: Uint8Array = nothing;
  timeGiven = false;
  scheduledAtMs = 0;
  delayMs: number | null = null;
  expiresAtMs: number | null = null;
  createdAtMs = 0;
  priority = defaultPriority;
  maxRetries = defaultMaxRetries;
  timeoutMs = defaultTimeoutMs;
  idempotencyKey: string | null = null;
  /** Belongs to the key; null: it is the only event of its request. */
  index: number | null = null;
  /** What a repeat under the idempotency key is compared by; null: by what is in the event. As `PlainFingerprint` writes it. */
  fingerprint: string | null = null;
  traceparent: string | null = null;
  /** Of each tag where its name and its value begin and end, in the order of the names. */
  readonly tags: number[] = [];
  /** How many events before this one, without another between them, had all in common with it but payload and index. */
  alike = 0;
  /** What stands before the key, the same for all that are alike; empty up to the second of them that was written. */
  #beginning: Uint8Array = nothing;

  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.alike = 0;
    this.#beginning = nothing;
    this.externalJobIdAt = absent;
    this.sourceAt = absent;
    this.typeAt = absent;
    this.descriptionAt = absent;
    this.methodAt = absent;
    this.payloadAt = absent;
    this.destination = null;
    this.sourceBytes = defaultSourceBytes;
    this.timeGiven = false;
    this.delayMs = null;
    this.expiresAtMs = null;
    this.priority = defaultPriority;
    this.maxRetries = defaultMaxRetries;
    this.timeoutMs = defaultTimeoutMs;
    // One by one: set to 0 its length takes the array's memory along.
    while (this.tags.length > 0) this.tags.pop();
  }

  takePayload(from: number, end: number): void {
    this.payloadAt = from;
    this.payloadEnd = end;
    this.payload = bodies.viewOf(this.bytes, from, end);
  }

  /** The next spec of the sheet. */
  addTo(sheet: SpecSheet): void {
    const { bytes } = this;
    const payloadLength = this.payloadAt === absent ? 0 : this.payloadEnd - this.payloadAt;
    const isNamed = this.externalJobIdAt !== absent;
    const hasKey = !isNamed && this.idempotencyKey !== null;
    if (hasKey) requestKey.begin(this.idempotencyKey!, this.index);
    const room = sheet.roomFor(this.bytesMax + (this.traceparent?.length ?? 0) + (hasKey ? requestKey.length : 0));
    const { bytes: out, view, end: start } = room;
    const source = this.source();
    const restAt = start + specHeadBytes + this.destination!.origin.length;
    const keyAt = this.#putBeginning(room, start, source);
    let at = hasKey ? requestKey.put(out, keyAt) : putNil(out, keyAt);
    at = this.traceparent === null ? putNil(out, at) : putAscii(this.traceparent, out, at);
    let tag = noTag;
    let slot: Slot | null = null;
    if (isNamed) {
      const text = { bytes, from: this.externalJobIdAt, to: this.externalJobIdEnd };
      tag = tagOfKeyIn({ kind: 'external', source, text });
      slot = slotOfKeyIn({ source, text });
    } else if (hasKey) {
      ({ slot, tag } = requestKey.place(source));
    }
    if (slot === null) {
      at = putNil(out, at);
    } else {
      const given = isNamed ? null : this.fingerprint;
      const content = given ?? fingerprints.of(this, { source, method: this.method(), destination: this.destination!.bytes });
      at = putBinary(content, out, at);
    }
    layOutKeyOfHead(view, start, { tagHigh: tag.high, tagLow: tag.low, restBytes: at - restAt });
    if (payloadLength > 0) {
      at = putBytes(this.payload, out, at);
    }
    room.end = at;
    sheet.written(slot, this.createdAtMs as WallMs);
  }

  /** Head, origin and texts, all that comes before the key. Returns the place behind. */
  #putBeginning({ bytes: out, view }: SpecRoom, start: number, source: Stretch): number {
    if (this.#beginning.length > 0) {
      return putBytes(this.#beginning, out, start);
    }
    const { origin } = this.destination!;
    const end = this.#putTexts(out, view, putBytes(origin, out, start + specHeadBytes), source);
    this.#layOutHead(view, start, source);
    // One that is alike has come, so more may.
    if (this.alike > 0) this.#beginning = out.slice(start, end);
    return end;
  }

  /** Of the msgpack part. Returns the place behind. */
  #putTexts(out: Buffer, view: DataView, restAt: number, source: Stretch): number {
    const { bytes, tags } = this;
    const { bytes: url } = this.destination!;
    const method = this.method();
    let at = restAt;
    out[at++] = 0x9e;
    at = this.#put(this.externalJobIdAt, this.externalJobIdEnd, out, at);
    at = putText(source.bytes, source.from, source.to, out, at);
    at = this.#put(this.typeAt, this.typeEnd, out, at);
    at = this.#put(this.descriptionAt, this.descriptionEnd, out, at);
    at = this.delayMs === null ? putNil(out, at) : putWhole(this.delayMs, view, at);
    at = putWholeText(url, out, at);
    at = putText(method.bytes, method.from, method.to, out, at);
    out[at++] = 0x90;
    out[at++] = this.payloadAt === absent ? 0xc2 : 0xc3;
    at = putWhole(this.timeoutMs, view, at);
    at = putLength(tags.length / 4, view, at);
    for (let tag = 0; tag < tags.length; tag += 4) {
      out[at++] = 0x92;
      at = putText(bytes, tags[tag]!, tags[tag + 1]!, out, at);
      at = putText(bytes, tags[tag + 2]!, tags[tag + 3]!, out, at);
    }
    return at;
  }

  /** But for what follows from the key. */
  #layOutHead(view: DataView, start: number, source: Stretch): void {
    const { bytes, tags } = this;
    const { origin, label } = this.destination!;
    let [high, low] = [0, 0];
    for (let tag = 0; tag < tags.length; tag += 4) {
      const hash = fnv1a32Of(bytes, tags[tag]!, tags[tag + 1]!);
      const signature = signatureOfHash(fnv1a32Of(bytes, tags[tag + 2]!, tags[tag + 3]!, fnv1a32Of(separator, 0, 1, hash)) || 1);
      high |= signature.high;
      low |= signature.low;
    }
    layOutSpecHead(view, start, {
      priority: this.priority,
      maxRetries: this.maxRetries,
      deliveryType: 'HTTP',
      tagHigh: 0,
      tagLow: 0,
      restBytes: 0,
      scheduledAtMs: this.scheduledAtMs,
      expiresAtMs: this.expiresAtMs ?? 0,
      createdAtMs: this.createdAtMs,
      retry: defaultRetry,
      originBytes: origin.length,
      source: labelOf(source.bytes, source.from, source.to),
      type: this.typeAt === absent ? 0 : labelOf(bytes, this.typeAt, this.typeEnd),
      destination: label,
      signatureHigh: high >>> 0,
      signatureLow: low >>> 0,
    });
  }

  source(): Stretch {
    if (this.sourceAt === absent) return { bytes: this.sourceBytes, from: 0, to: this.sourceBytes.length };
    return { bytes: this.bytes, from: this.sourceAt, to: this.sourceEnd };
  }

  method(): Stretch {
    if (this.methodAt === absent) return { bytes: post, from: 0, to: post.length };
    return { bytes: this.bytes, from: this.methodAt, to: this.methodEnd };
  }

  #put(from: number, to: number, out: Uint8Array, at: number): number {
    return from === absent ? putNil(out, at) : putText(this.bytes, from, to, out, at);
  }

  /** What is in the event takes no more, on a sheet or in an answer. Each text has up to five bytes before it. */
  get bytesMax(): number {
    const { tags } = this;
    const { origin, bytes: url } = this.destination!;
    let length = specHeadBytes + fixedBytesMax + origin.length + url.length;
    if (this.payloadAt !== absent) length += this.payloadEnd - this.payloadAt;
    length += this.sourceAt === absent ? this.sourceBytes.length : this.sourceEnd - this.sourceAt;
    if (this.externalJobIdAt !== absent) length += this.externalJobIdEnd - this.externalJobIdAt;
    if (this.typeAt !== absent) length += this.typeEnd - this.typeAt;
    if (this.descriptionAt !== absent) length += this.descriptionEnd - this.descriptionAt;
    for (let at = 0; at < tags.length; at += 2) length += textHeadMax + 1 + tags[at + 1]! - tags[at]!;
    return length;
  }
}

/** Everything but the texts. */
const fixedBytesMax = 128 + fingerprintBytes;
const noTag: KeyTag = { high: 0, low: 0 };
const separator = new Uint8Array([0]);

function labelOf(bytes: Uint8Array, from: number, to: number): number {
  return fnv1a32Of(bytes, from, to) || 1;
}
