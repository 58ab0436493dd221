/**
 * The key of a request as its events bear it, `<key>` or `<key>:<index>`: its bytes, and the place that follows from them.
 *
 * The events of an array have all of it in common but the index. As a text for each of them, written down letter by letter and hashed from
 * its beginning, a key of fifty letters cost 0.5 us.
 *
 * One instance serves many requests; it remembers the key and the source that came last.
 */
import type { Slot } from '../kernel/brand.js';
import { putBytes } from '../kernel/copied-bytes.js';
import { hashesBefore, hashesBehind, type KeyHashes, type KeyTag, placeOfKey, type Stretch } from './content.js';
import { copyBytes, putTextHead } from './msgpack-put.js';

/** `<key>`, or `<key>:<index>` of one of several events. */
export function textOfKey(key: string, index: number | null): string {
  return index === null ? key : `${key}:${index}`;
}

/** A colon and the digits of any index. */
const behindBytesMax = 17;
const colon = 0x3a;

export class RequestKey {
  #key = '';
  #bytes: Uint8Array = new Uint8Array(0);
  #source: Uint8Array = new Uint8Array(0);
  /** Behind `#key`, under `#source`. */
  #hashes: KeyHashes | null = null;
  readonly #behind = new Uint8Array(behindBytesMax);
  #behindLength = 0;

  /** The next one; `key` is printable ASCII. */
  begin(key: string, index: number | null): void {
    if (key !== this.#key) {
      this.#key = key;
      this.#bytes = Buffer.from(key, 'latin1');
      this.#hashes = null;
    }
    this.#behindLength = index === null ? 0 : layOutIndex(index, this.#behind);
  }

  get length(): number {
    return this.#bytes.length + this.#behindLength;
  }

  /** As MessagePack writes a text. Returns the place behind. */
  put(out: Uint8Array, at: number): number {
    const from = putTextHead(this.length, out, at);
    const end = putBytes(this.#bytes, out, from);
    copyBytes(this.#behind, 0, this.#behindLength, out, end);
    return end + this.#behindLength;
  }

  place(source: Stretch): { readonly slot: Slot; readonly tag: KeyTag } {
    if (this.#hashes === null || !isSame(source, this.#source)) {
      this.#source = source.bytes.slice(source.from, source.to);
      this.#hashes = hashesBehind(hashesBefore({ kind: 'idempotency', source }), {
        bytes: this.#bytes,
        from: 0,
        to: this.#bytes.length,
      });
    }
    return placeOfKey(hashesBehind(this.#hashes, { bytes: this.#behind, from: 0, to: this.#behindLength }));
  }
}

function layOutIndex(index: number, out: Uint8Array): number {
  let length = 2;
  for (let rest = index; rest >= 10; rest = Math.floor(rest / 10)) length++;
  out[0] = colon;
  let rest = index;
  for (let at = length - 1; at > 0; at--) {
    out[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return length;
}

function isSame({ bytes, from, to }: Stretch, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text[at]) return false;
  return true;
}
