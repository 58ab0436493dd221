/**
 * Walks MessagePack and writes what it finds as JSON: each value once, straight from bytes to bytes.
 *
 * No object is made in between. That keeps what an object would lose or change (64-bit integers, two equal keys, the order of
 * keys, `__proto__`), and lets the reader of JSON decide over everything else, so that both forms are refused for the same
 * reasons. Nesting costs memory in proportion to the bytes that came, and no stack.
 *
 * What MessagePack has and JSON has not is refused for the event that contains it: bytes, extensions (timestamps too), keys
 * that are no text, NaN and the infinities.
 */
import { isUtf8 } from 'node:buffer';
import { JsonBytes } from './json-bytes.js';

/** Not MessagePack: `at` is the offset of the byte that does not fit. */
export class MsgpackSyntaxError extends Error {
  override readonly name = 'MsgpackSyntaxError';

  constructor(at: number, what: string) {
    super(`${what} at byte ${at}`);
  }
}

/** MessagePack, but nothing that JSON could say. */
export class NotJsonError extends Error {
  override readonly name = 'NotJsonError';
}

/** What the head of a value announces. */
type Kind = 'map' | 'array' | 'text' | 'literal' | 'foreign';

/** What an open container waits for next. */
const inArray = 0;
const atKey = 1;
const atValue = 2;

export class MsgpackScan {
  readonly #bytes: Buffer;
  #at = 0;
  // What the last head said, besides its kind. Fields and no object, as there may be 32 million heads in a body.
  /** Members of a container; bytes behind the head that belong to its value. */
  #length = 0;
  /** What a foreign value is. */
  #said = '';

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Another one at the same place. */
  copy(): MsgpackScan {
    const copy = new MsgpackScan(this.#bytes);
    copy.#at = this.#at;
    return copy;
  }

  moveTo(other: MsgpackScan): void {
    this.#at = other.#at;
  }

  /** After the value that is the whole text. */
  expectEnd(): void {
    if (this.#at < this.#bytes.length) throw new MsgpackSyntaxError(this.#at, 'something follows the value');
  }

  /** Members of the map at the place, which is entered; null when there is something else, and the place stays. */
  enterMap(): number | null {
    return this.#enter('map');
  }

  enterArray(): number | null {
    return this.#enter('array');
  }

  /** The text at the place; null when there is something else, and the place stays. */
  takeText(): string | null {
    const before = this.#at;
    if (this.#head() === 'text') return this.#text().toString();
    this.#at = before;
    return null;
  }

  /** Moves over one value, whatever it is. */
  skipValue(): void {
    this.skipSome(1, Number.POSITIVE_INFINITY);
  }

  /** Moves over `values` values, members included, or over so many heads; how many values are left then. */
  skipSome(values: number, headsMax: number): number {
    const bytes = this.#bytes;
    let open = values;
    for (let heads = 0; open > 0 && heads < headsMax; heads++, open--) {
      const first = bytes[this.#at];
      // Small numbers, nil, true and false are one byte, and the most that can be in a body.
      if (first !== undefined && (first < 0x80 || first >= 0xe0 || first === 0xc0 || first === 0xc2 || first === 0xc3)) {
        this.#at++;
        continue;
      }
      const kind = this.#head();
      if (kind === 'map') open += 2 * this.#length;
      else if (kind === 'array') open += this.#length;
      else this.#move(this.#length);
    }
    return open;
  }

  /** Moves over one value and gives it as JSON of at most `bytesMax` bytes. Throws NotJsonError and JsonTooLongError. */
  takeAsJson(bytesMax: number): Buffer {
    const out = new JsonBytes(bytesMax);
    const left: number[] = [];
    const waits: number[] = [];
    for (;;) {
      const inside = waits.length - 1;
      const kind = this.#head();
      if (waits[inside] === atKey && kind !== 'text') throw new NotJsonError('a key must be a text');
      if (kind === 'map' || kind === 'array') {
        out.byte(kind === 'map' ? 0x7b : 0x5b);
        if (this.#length > 0) {
          left.push(this.#length);
          waits.push(kind === 'map' ? atKey : inArray);
          continue;
        }
        out.byte(kind === 'map' ? 0x7d : 0x5d);
      } else if (kind === 'text') out.quoted(this.#text());
      else if (kind === 'literal') out.ascii(this.#literal());
      else throw new NotJsonError(`JSON has no ${this.#said}`);
      if (!this.#separate(out, left, waits)) return out.taken();
    }
  }

  /** A value is complete: what comes between it and the next one. False when that was all. */
  #separate(out: JsonBytes, left: number[], waits: number[]): boolean {
    for (let inside = waits.length - 1; inside >= 0; inside--) {
      if (waits[inside] === atKey) {
        out.byte(0x3a);
        waits[inside] = atValue;
        return true;
      }
      const isMap = waits[inside] === atValue;
      if (--left[inside]! > 0) {
        out.byte(0x2c);
        if (isMap) waits[inside] = atKey;
        return true;
      }
      out.byte(isMap ? 0x7d : 0x5d);
      left.pop();
      waits.pop();
    }
    return false;
  }

  #enter(kind: 'map' | 'array'): number | null {
    const before = this.#at;
    if (this.#head() === kind) return this.#length;
    this.#at = before;
    return null;
  }

  #text(): Buffer {
    const at = this.#at;
    this.#move(this.#length);
    const text = this.#bytes.subarray(at, this.#at);
    if (!isUtf8(text)) throw new MsgpackSyntaxError(at, 'a text is not UTF-8');
    return text;
  }

  /** The place is in front of its bytes, if it has any behind the head. */
  #literal(): string {
    const at = this.#at;
    const first = this.#bytes[at - 1]!;
    this.#move(this.#length);
    if (first < 0x80) return String(first);
    if (first >= 0xe0) return String(first - 0x100);
    switch (first) {
      case 0xc0:
        return 'null';
      case 0xc2:
        return 'false';
      case 0xc3:
        return 'true';
      case 0xca:
        return String(this.#bytes.readFloatBE(at));
      case 0xcb:
        return String(this.#bytes.readDoubleBE(at));
      case 0xcf:
        return String(this.#bytes.readBigUInt64BE(at));
      case 0xd3:
        return String(this.#bytes.readBigInt64BE(at));
      default:
        return String(first < 0xd0 ? this.#bytes.readUIntBE(at, this.#length) : this.#bytes.readIntBE(at, this.#length));
    }
  }

  #move(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new MsgpackSyntaxError(this.#bytes.length, 'it ends too early');
    this.#at += length;
  }

  /** The place is behind it then, in front of the bytes or members that it announces. */
  #head(): Kind {
    const first = this.#unsigned(1);
    if (first < 0x80 || first >= 0xe0) return this.#announce('literal', 0);
    if (first < 0x90) return this.#announce('map', first & 0x0f);
    if (first < 0xa0) return this.#announce('array', first & 0x0f);
    if (first < 0xc0) return this.#announce('text', first & 0x1f);
    if (first === 0xc1) throw new MsgpackSyntaxError(this.#at - 1, 'a byte that means nothing');
    if (first <= 0xc3) return this.#announce('literal', 0);
    if (first <= 0xc6) return this.#foreign('bytes', this.#unsigned(1 << (first - 0xc4)));
    if (first <= 0xc9) return this.#foreign(extension, this.#unsigned(1 << (first - 0xc7)) + 1);
    if (first <= 0xcb) return this.#fraction(first === 0xca ? 4 : 8);
    if (first <= 0xcf) return this.#announce('literal', 1 << (first - 0xcc));
    if (first <= 0xd3) return this.#announce('literal', 1 << (first - 0xd0));
    if (first <= 0xd8) return this.#foreign(extension, (1 << (first - 0xd4)) + 1);
    if (first <= 0xdb) return this.#announce('text', this.#unsigned(1 << (first - 0xd9)));
    if (first <= 0xdd) return this.#announce('array', this.#unsigned(2 << (first - 0xdc)));
    return this.#announce('map', this.#unsigned(2 << (first - 0xde)));
  }

  #announce(kind: Kind, length: number): Kind {
    this.#length = length;
    return kind;
  }

  #foreign(what: string, length: number): Kind {
    this.#said = what;
    return this.#announce('foreign', length);
  }

  #fraction(length: number): Kind {
    if (this.#at + length > this.#bytes.length) throw new MsgpackSyntaxError(this.#bytes.length, 'it ends too early');
    const value = length === 4 ? this.#bytes.readFloatBE(this.#at) : this.#bytes.readDoubleBE(this.#at);
    return Number.isFinite(value) ? this.#announce('literal', length) : this.#foreign(String(value), length);
  }

  /** Of 1, 2 or 4 bytes. */
  #unsigned(bytes: number): number {
    const at = this.#at;
    this.#move(bytes);
    return bytes === 1 ? this.#bytes[at]! : this.#bytes.readUIntBE(at, bytes);
  }
}

const extension = 'extension types: write instants as text';
