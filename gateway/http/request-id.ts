/** Every answer names its request, so that a line in a log and a complaint can be brought together. */
import { randomBytes } from 'node:crypto';
import { putBytes } from '../../engine/index.js';

const sane = /^[A-Za-z0-9._:-]{1,128}$/;

/** One prefix for each process and a count: unique without randomness for each request. */
const prefix = randomBytes(6).toString('hex');
const prefixBytes = Buffer.from(`${prefix}-`);
const radix = 36;
let minted = 0;

/** ASCII. Of most requests only as bytes, in an answer: a text for each, made and taken apart again, cost 0.4 us. */
export class RequestId {
  /** Null: it is the one of this count. */
  readonly #given: string | null;
  readonly #count: number;

  /** The caller's own id if it is harmless to repeat (it ends up in a response header and in logs), else a new one. */
  constructor(given: string | null) {
    this.#given = given !== null && sane.test(given) ? given : null;
    this.#count = this.#given === null ? ++minted : 0;
  }

  get text(): string {
    return this.#given ?? `${prefix}-${this.#count.toString(radix)}`;
  }

  /** Never shorter than the id. */
  get bytesMax(): number {
    return this.#given?.length ?? prefixBytes.length + countBytesMax;
  }

  /** In `out` from `at` on. Returns the place behind. */
  put(out: Uint8Array, at: number): number {
    const given = this.#given;
    if (given !== null) {
      for (let char = 0; char < given.length; char++) out[at + char] = given.charCodeAt(char);
      return at + given.length;
    }
    return putCount(this.#count, out, putBytes(prefixBytes, out, at));
  }
}

/** Of any count that is exact. */
const countBytesMax = 11;

function putCount(count: number, out: Uint8Array, at: number): number {
  let digits = 1;
  for (let rest = count; rest >= radix; rest = Math.floor(rest / radix)) digits++;
  for (let place = at + digits - 1, rest = count; place >= at; place--) {
    const digit = rest % radix;
    out[place] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    rest = Math.floor(rest / radix);
  }
  return at + digits;
}
