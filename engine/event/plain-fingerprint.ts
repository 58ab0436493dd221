/**
 * The fingerprint (`content.ts`) of a plain spec, from its bytes: the same JSON as there, put together from where its texts lie, and hashed
 * in one call. As an object, a text and a hash that is fed piece by piece it cost 6 us an event, so 1.3.
 *
 * Plain texts are printable ASCII without escapes, so each stands in JSON as it came, in quotes.
 *
 * One instance serves many; it holds nothing between two specs but its memory.
 */
import { hash } from 'node:crypto';
import { putBytes } from '../kernel/copied-bytes.js';
import { fingerprintBytes, type Stretch } from './content.js';
import { copyBytes } from './msgpack-put.js';
import { defaultRetry } from './spec.js';

/** What is in it besides the retry policy and the headers, which are the defaults. A text that begins at -1 is not there. */
export interface PlainContent {
  readonly bytes: Buffer;
  readonly externalJobIdAt: number;
  readonly externalJobIdEnd: number;
  readonly typeAt: number;
  readonly typeEnd: number;
  readonly descriptionAt: number;
  readonly descriptionEnd: number;
  readonly payloadAt: number;
  readonly payloadEnd: number;
  readonly timeGiven: boolean;
  readonly scheduledAtMs: number;
  readonly delayMs: number | null;
  readonly priority: number;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly expiresAtMs: number | null;
  /** Of each tag where its name and its value begin and end. */
  readonly tags: readonly number[];
}

/** Texts of it that may not lie in the same bytes: ASCII without escapes. */
export interface PlainTexts {
  readonly source: Stretch;
  readonly method: Stretch;
  readonly destination: Uint8Array;
}

const ascii = (text: string) => Buffer.from(text);
const begin = ascii('[');
const comma = ascii(',');
const nothing = ascii('null');
const at = ascii('["at",');
const delay = ascii('["delay",');
const close = ascii(']');
const http = ascii(',"HTTP",');
const noHeaders = ascii(',[],');
const { strategy, initialMs, maxMs, multiplier, jitter } = defaultRetry;
const retry = ascii(`,${JSON.stringify([strategy, initialMs, maxMs, multiplier, jitter])},`);
const behindTags = ascii(']]');
const payload = ascii('payload');
const noPayload = ascii('none');

const quote = 0x22;
/** More than everything but the texts takes. */
const fixedBytesMax = 512;
const keptBytesMax = 64 * 1024;

export class PlainFingerprint {
  #bytes = Buffer.allocUnsafeSlow(4 * 1024);
  #end = 0;

  /** As many characters as it has bytes, each of them one. */
  of(content: PlainContent, { source, method, destination }: PlainTexts): string {
    const { bytes } = content;
    const payloadLength = content.payloadAt === -1 ? 0 : content.payloadEnd - content.payloadAt;
    this.#begin(fixedBytesMax + source.to - source.from + destination.length + lengthOf(content) + payloadLength);
    this.#put(begin);
    this.#text(bytes, content.externalJobIdAt, content.externalJobIdEnd);
    this.#put(comma);
    this.#text(source.bytes, source.from, source.to);
    this.#put(comma);
    this.#text(bytes, content.typeAt, content.typeEnd);
    this.#put(comma);
    this.#text(bytes, content.descriptionAt, content.descriptionEnd);
    this.#put(comma);
    this.#time(content);
    this.#put(http);
    this.#text(destination, 0, destination.length);
    this.#put(comma);
    this.#text(method.bytes, method.from, method.to);
    this.#put(noHeaders);
    this.#whole(content.priority);
    this.#put(comma);
    this.#whole(content.maxRetries);
    this.#put(retry);
    this.#whole(content.timeoutMs);
    this.#put(comma);
    this.#whole(content.expiresAtMs);
    this.#put(comma);
    this.#tags(content);
    this.#put(content.payloadAt === -1 ? noPayload : payload);
    if (payloadLength > 0) {
      bytes.copy(this.#bytes, this.#end, content.payloadAt, content.payloadEnd);
      this.#end += payloadLength;
    }
    return hash('sha256', this.#bytes.subarray(0, this.#end), 'binary').slice(0, fingerprintBytes);
  }

  #begin(bytesMax: number): void {
    this.#end = 0;
    const isUnused = this.#bytes.length > keptBytesMax && bytesMax <= keptBytesMax;
    if (bytesMax > this.#bytes.length || isUnused) this.#bytes = Buffer.allocUnsafeSlow(bytesMax);
  }

  #time({ timeGiven, delayMs, scheduledAtMs }: PlainContent): void {
    if (!timeGiven) {
      this.#put(nothing);
      return;
    }
    this.#put(delayMs === null ? at : delay);
    this.#whole(delayMs ?? scheduledAtMs);
    this.#put(close);
  }

  #tags({ bytes, tags }: PlainContent): void {
    this.#put(begin);
    for (let tag = 0; tag < tags.length; tag += 4) {
      this.#put(tag === 0 ? begin : comma);
      if (tag > 0) this.#put(begin);
      this.#text(bytes, tags[tag]!, tags[tag + 1]!);
      this.#put(comma);
      this.#text(bytes, tags[tag + 2]!, tags[tag + 3]!);
      this.#put(close);
    }
    this.#put(behindTags);
  }

  #put(constant: Uint8Array): void {
    this.#end = putBytes(constant, this.#bytes, this.#end);
  }

  #text(from: Uint8Array, start: number, end: number): void {
    if (start === -1) {
      this.#put(nothing);
      return;
    }
    const bytes = this.#bytes;
    bytes[this.#end] = quote;
    copyBytes(from, start, end, bytes, this.#end + 1);
    this.#end += end - start + 2;
    bytes[this.#end - 1] = quote;
  }

  #whole(value: number | null): void {
    if (value === null) {
      this.#put(nothing);
      return;
    }
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    this.#end += digits;
    let rest = value;
    for (let digit = 1; digit <= digits; digit++) {
      this.#bytes[this.#end - digit] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
}

/** Of the texts; of tags with quotes and brackets. */
function lengthOf({
  externalJobIdAt,
  externalJobIdEnd,
  typeAt,
  typeEnd,
  descriptionAt,
  descriptionEnd,
  tags,
}: PlainContent): number {
  let length = 0;
  if (externalJobIdAt !== -1) length += externalJobIdEnd - externalJobIdAt;
  if (typeAt !== -1) length += typeEnd - typeAt;
  if (descriptionAt !== -1) length += descriptionEnd - descriptionAt;
  for (let tag = 0; tag < tags.length; tag += 4) length += tags[tag + 3]! - tags[tag]! + 16;
  return length;
}
