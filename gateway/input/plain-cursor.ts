/**
 * A walk over the tokens of an event, for values that are plain: texts of printable ASCII without escapes, whole numbers written as such. Whatever
 * else stands there, or is no JSON, is said by `absent` or false, and is somebody else's to read.
 *
 * One instance serves many.
 */
import { parseInstant } from './instant.js';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const closeBrace = 0x7d;
export const absent = -1;

/** What may stand in a label. */
const isLabelByte = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-') isLabelByte[char.charCodeAt(0)] = 1;

export class PlainCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;

  /** The byte at the next token; undefined at the end. */
  peek(): number | undefined {
    const bytes = this.bytes;
    let at = this.at;
    let byte = bytes[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
    this.at = at;
    return byte;
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
    let at = from;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      // Also behind the end.
      if (byte === undefined || byte === backslash || byte < 0x20 || byte > 0x7e) return absent;
    }
    this.at = at + 1;
    return at - from <= charsMax ? from : absent;
  }

  label(): number {
    if (this.peek() !== quote) return absent;
    const bytes = this.bytes;
    const from = this.at + 1;
    let at = from;
    while (isLabelByte[bytes[at]!] === 1) at++;
    this.at = at + 1;
    return bytes[at] === quote && at > from && at - from <= 128 ? from : absent;
  }

  /** Up to 15 digits, so that the number is exact. */
  whole(max: number): number {
    this.peek();
    const bytes = this.bytes;
    const from = this.at;
    let at = from;
    let value = 0;
    for (let byte = bytes[at]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = bytes[++at])
      value = value * 10 + byte - 0x30;
    this.at = at;
    const next = bytes[at];
    // A fraction, an exponent: numbers of another kind, which may come to the same.
    const isOver = next !== undefined && (next === comma || next === closeBrace || next <= 0x20);
    const isWhole = at > from && at - from <= 15 && (bytes[from] !== 0x30 || at - from === 1);
    return isOver && isWhole && value <= max ? value : absent;
  }

  instant(): number {
    const from = this.text(64);
    if (from === absent) return absent;
    const instant = parseInstant(this.bytes.toString('latin1', from, this.at - 1));
    return typeof instant === 'number' ? instant : absent;
  }
}
