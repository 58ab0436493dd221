/**
 * Writes MessagePack as JSON: each value once, straight from bytes to bytes.
 *
 * No object is made in between. That keeps what an object would lose or change (64-bit integers, two equal keys, the order of
 * keys, `__proto__`), and lets the reader of JSON decide over everything else, so that both forms are refused for the same
 * reasons. Nesting costs memory in proportion to the bytes that came, and no stack.
 *
 * What MessagePack has and JSON has not is refused for the event that contains it: bytes, extensions (timestamps too), keys
 * that are no text, NaN and the infinities.
 */
import { isUtf8 } from 'node:buffer';
import type { JsonBytes } from './json-bytes.js';
import { type MsgpackHeads, MsgpackSyntaxError } from './msgpack-head.js';

/** MessagePack, but nothing that JSON could say. */
export class NotJsonError extends Error {
  override readonly name = 'NotJsonError';
}

const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Moves over one value and writes it down. Throws NotJsonError, JsonTooLongError and MsgpackSyntaxError. */
export function writeAsJson(heads: MsgpackHeads, out: JsonBytes): void {
  out.begin();
  /** What the containers around the innermost one still wait for; of maps it is negative. */
  const around: number[] = [];
  let isMap = false;
  /** Values that the innermost container waits for, this one among them; a key is one too, so at keys it is even. */
  let left = 1;
  for (;;) {
    const kind = heads.next();
    if (kind === 'text') writeText(heads, out);
    else if (isMap && left % 2 === 0) throw new NotJsonError('a key must be a text');
    else if (kind === 'literal') writeLiteral(heads, out);
    else if (kind === 'foreign') throw new NotJsonError(`JSON has no ${heads.said}`);
    else {
      out.byte(kind === 'map' ? openBrace : openBracket);
      if (heads.length > 0) {
        around.push(isMap ? -left : left);
        isMap = kind === 'map';
        left = isMap ? 2 * heads.length : heads.length;
        continue;
      }
      out.byte(kind === 'map' ? closeBrace : closeBracket);
    }
    while (--left === 0) {
      const outer = around.pop();
      if (outer === undefined) return;
      out.byte(isMap ? closeBrace : closeBracket);
      isMap = outer < 0;
      left = Math.abs(outer);
    }
    out.byte(isMap && left % 2 === 1 ? colon : comma);
  }
}

function writeText(heads: MsgpackHeads, out: JsonBytes): void {
  const { at } = heads;
  heads.move(heads.length);
  if (out.plainText(heads.view, at, heads.at)) return;
  const text = heads.bytes.subarray(at, heads.at);
  if (!isUtf8(text)) throw new MsgpackSyntaxError(at, 'a text is not UTF-8');
  out.text(text);
}

function writeLiteral(heads: MsgpackHeads, out: JsonBytes): void {
  const { at, bytes, first, length } = heads;
  heads.move(length);
  if (first < 0x80) out.number(first);
  else if (first >= 0xe0) out.number(first - 0x100);
  else if (first === 0xc0) out.ascii('null');
  else if (first === 0xc2) out.ascii('false');
  else if (first === 0xc3) out.ascii('true');
  else if (first === 0xca) out.number(bytes.readFloatBE(at));
  else if (first === 0xcb) out.number(bytes.readDoubleBE(at));
  else if (first === 0xcf) out.ascii(String(bytes.readBigUInt64BE(at)));
  else if (first === 0xd3) out.ascii(String(bytes.readBigInt64BE(at)));
  else out.number(first < 0xd0 ? bytes.readUIntBE(at, length) : bytes.readIntBE(at, length));
}
