/**
 * MessagePack of a few kinds of value, written where it belongs, byte for byte as `msgpackr` writes it (a property test compares the two).
 * For the hot path of new events, where making values for an encoder costs more than encoding them. Each returns the place behind.
 */
import { putBytes } from '../kernel/copied-bytes.js';

const nil = 0xc0;
/** Of what stands before a text. */
export const textHeadMax = 5;

export function putNil(out: Uint8Array, at: number): number {
  out[at] = nil;
  return at + 1;
}

/** ASCII, from `start` up to `end`. */
export function putText(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const textAt = putTextHead(end - start, out, at);
  copyBytes(from, start, end, out, textAt);
  return textAt + end - start;
}

/** The same of all of `text`. */
export function putWholeText(text: Uint8Array, out: Uint8Array, at: number): number {
  return putBytes(text, out, putTextHead(text.length, out, at));
}

export function putAscii(text: string, out: Uint8Array, at: number): number {
  const textAt = putTextHead(text.length, out, at);
  for (let char = 0; char < text.length; char++) out[textAt + char] = text.charCodeAt(char);
  return textAt + text.length;
}

export function putTextHead(length: number, out: Uint8Array, at: number): number {
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

/** Bytes written as one character each; fewer than 256. */
export function putBinary(characters: string, out: Buffer, at: number): number {
  out[at] = 0xc4;
  out[at + 1] = characters.length;
  out.write(characters, at + 2, 'latin1');
  return at + 2 + characters.length;
}

/** Of an array. */
export function putLength(length: number, view: DataView, at: number): number {
  if (length < 0x10) {
    view.setUint8(at, 0x90 | length);
    return at + 1;
  }
  view.setUint8(at, 0xdc);
  view.setUint16(at + 1, length);
  return at + 3;
}

export function putWhole(value: number, view: DataView, at: number): number {
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

/** Any number. */
export function putNumber(value: number, view: DataView, at: number): number {
  if (value >>> 0 === value) return putWhole(value, view, at);
  view.setUint8(at, 0xcb);
  view.setFloat64(at + 1, value);
  return at + 9;
}

/** Short stretches are not worth a view. */
export function copyBytes(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
  for (let byte = start; byte < end; byte++) out[at + byte - start] = from[byte]!;
}
