/** Walks MessagePack: into the containers around the events of a body, and over what is in it, value by value. */
import { isUtf8 } from 'node:buffer';
import type { JsonBytes } from './json-bytes.js';
import { MsgpackHeads, MsgpackSyntaxError } from './msgpack-head.js';
import { writeAsJson } from './msgpack-json.js';

export class MsgpackScan {
  readonly #heads: MsgpackHeads;

  constructor(bytes: Buffer) {
    this.#heads = new MsgpackHeads(bytes);
  }

  get at(): number {
    return this.#heads.at;
  }

  /** Back to where a value begins. */
  moveTo(at: number): void {
    this.#heads.at = at;
  }

  /** After the value that is the whole text. */
  expectEnd(): void {
    const { at, bytes } = this.#heads;
    if (at < bytes.length) throw new MsgpackSyntaxError(at, 'something follows the value');
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
    const length = this.#enter('text');
    if (length === null) return null;
    const { at, bytes } = this.#heads;
    this.#heads.move(length);
    const text = bytes.subarray(at, at + length);
    if (!isUtf8(text)) throw new MsgpackSyntaxError(at, 'a text is not UTF-8');
    return text.toString();
  }

  /** Moves over one value, whatever it is. */
  skipValue(): void {
    this.skipSome(1, Number.POSITIVE_INFINITY);
  }

  /** Moves over `values` values, members included, or over so many heads; how many values are left then. */
  skipSome(values: number, headsMax: number): number {
    const heads = this.#heads;
    const { bytes } = heads;
    let open = values;
    for (let count = 0; open > 0 && count < headsMax; count++, open--) {
      const first = bytes[heads.at];
      // Small numbers, nil, true and false are one byte, and the most that can be in a body.
      if (first !== undefined && (first < 0x80 || first >= 0xe0 || first === 0xc0 || first === 0xc2 || first === 0xc3)) {
        heads.at++;
        continue;
      }
      const kind = heads.next();
      if (kind === 'map') open += 2 * heads.length;
      else if (kind === 'array') open += heads.length;
      else heads.move(heads.length);
    }
    return open;
  }

  /** Moves over one value, which is what is in `json` then. Throws NotJsonError and JsonTooLongError. */
  takeAsJson(json: JsonBytes): void {
    writeAsJson(this.#heads, json);
  }

  #enter(kind: 'map' | 'array' | 'text'): number | null {
    const before = this.#heads.at;
    if (this.#heads.next() === kind) return this.#heads.length;
    this.#heads.at = before;
    return null;
  }
}
