/**
 * JSON of a few kinds of value, written where it belongs, byte for byte as `JSON.stringify` writes it. For the answers that are given most, where making
 * texts for an encoder costs more than encoding them. Each returns the place behind.
 */
import { putBytes } from '../../engine/index.js';

const quote = 0x22;
export const nullText = Buffer.from('null');

/** Printable ASCII in which nothing is to be escaped, from `start` up to `end`. */
export function putText(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  out[at] = quote;
  const textAt = at + 1 - start;
  for (let byte = start; byte < end; byte++) out[textAt + byte] = from[byte]!;
  out[textAt + end] = quote;
  return textAt + end + 1;
}

/** The same of all of `text`. */
export function putWholeText(text: Uint8Array, out: Uint8Array, at: number): number {
  out[at] = quote;
  const end = putBytes(text, out, at + 1);
  out[end] = quote;
  return end + 1;
}

export function putNull(out: Uint8Array, at: number): number {
  return putBytes(nullText, out, at);
}

/** Not negative. */
export function putWhole(value: number, out: Uint8Array, at: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  for (let place = at + digits - 1, rest = value; place >= at; place--) {
    out[place] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + digits;
}
