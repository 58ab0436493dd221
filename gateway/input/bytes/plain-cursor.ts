/**
 * A walk over the tokens of an event, for values that are plain: texts of printable ASCII without escapes, whole numbers written as such. Whatever
 * else stands there, or is no JSON, is said by `absent` or false, and is somebody else's to read.
 *
 * No step of it goes far, whatever stands there, but over white space up to the end. One instance serves many.
 */
import { parseInstant } from '../fields/instant.js';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const closeBrace = 0x7d;
export const absent = -1;
const labelCharsMax = 128;
/** So that the number is exact. */
const digitsMax = 15;

/** What may stand in a label. */
const isLabelByte = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-') isLabelByte[char.charCodeAt(0)] = 1;

export class PlainCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  /** No token is looked for behind it, though one may go on there: whoever sets an end looks where the place is at last. */
  end = 0;

  /** The byte at the next token; undefined at the end. */
  peek(): number | undefined {
    const bytes = this.bytes;
    const end = this.end;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.at = at;
        return byte;
      }
      at++;
    }
    this.at = at;
    return undefined;
  }

  /** Over the next token, if it is this byte. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  /** Over a text. Returns where it begins behind its quote; the place is behind its other quote then. */
  text(charsMax: number): number {
    if (this.peek() !== quote) return absent;
    const bytes = this.bytes;
    const from = this.at + 1;
    const stop = from + charsMax;
    let at = from;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      // Also behind the end.
      if (byte === undefined || byte === backslash || byte < 0x20 || byte > 0x7e || at === stop) return absent;
    }
    this.at = at + 1;
    return from;
  }

  /** Over this very text, if it is the next token; its bytes are plain. */
  takeText(text: Uint8Array): boolean {
    if (this.peek() !== quote) return false;
    const bytes = this.bytes;
    const from = this.at + 1;
    const { length } = text;
    if (bytes[from + length] !== quote) return false;
    for (let byte = 0; byte < length; byte++) if (bytes[from + byte] !== text[byte]) return false;
    this.at = from + length + 1;
    return true;
  }

  label(): number {
    if (this.peek() !== quote) return absent;
    const bytes = this.bytes;
    const from = this.at + 1;
    let at = from;
    const stop = from + labelCharsMax;
    while (at < stop && isLabelByte[bytes[at]!] === 1) at++;
    this.at = at + 1;
    return bytes[at] === quote && at > from ? from : absent;
  }

  whole(max: number): number {
    this.peek();
    const bytes = this.bytes;
    const from = this.at;
    const stop = from + digitsMax;
    let at = from;
    let value = 0;
    for (let byte = bytes[at]; at < stop && byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = bytes[++at])
      value = value * 10 + byte - 0x30;
    this.at = at;
    const next = bytes[at];
    // A fraction, an exponent: numbers of another kind, which may come to the same.
    const isOver = next !== undefined && (next === comma || next === closeBrace || next <= 0x20);
    const isWhole = at > from && (bytes[from] !== 0x30 || at - from === 1);
    return isOver && isWhole && value <= max ? value : absent;
  }

  instant(): number {
    const from = this.text(64);
    if (from === absent) return absent;
    const instant = parseInstant(this.bytes.toString('latin1', from, this.at - 1));
    return typeof instant === 'number' ? instant : absent;
  }
}
