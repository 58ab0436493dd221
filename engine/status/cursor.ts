/**
 * A place in the status stream, as clients keep it: one log position per partition, in a text that means nothing to them.
 *
 *     1 byte    format, 1
 *     varint    number of partitions
 *     varint    for each partition its position + 1; 0: unknown
 *
 * as base64url: 4 partitions with a million records each take 18 characters, 64 take 260. A position is unknown while its
 * partition has not come up; the cursor then stands for "from its next record on" there.
 *
 * A cursor comes back from outside and may be anything, so it is valid only if writing down what was read gives the same text
 * again: this refuses foreign characters, padding, over-long varints and trailing bytes in one comparison.
 */
import type { Sequence } from '../kernel/brand.js';

export type CursorPositions = readonly (Sequence | null)[];

const format = 1;
/** A varint of a safe integer, 53 bits, in groups of 7. */
const varintBytesMax = 8;

export function encodeCursor(positions: CursorPositions): string {
  const bytes: number[] = [format];
  writeVarint(bytes, positions.length);
  for (const position of positions) writeVarint(bytes, position === null ? 0 : position + 1);
  return Buffer.from(bytes).toString('base64url');
}

/** Null for a text that is no cursor of this engine: garbage, another format, another number of partitions. */
export function decodeCursor(text: string, partitions: number): CursorPositions | null {
  // Four characters carry three bytes; looked at first, so that a huge text costs nothing.
  if (text.length > Math.ceil(((1 + varintBytesMax * (partitions + 1)) / 3) * 4)) return null;
  const reader = new VarintReader(Buffer.from(text, 'base64url'));
  if (reader.next() !== format || reader.next() !== partitions) return null;
  const positions: (Sequence | null)[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const value = reader.next();
    if (value === null) return null;
    positions.push(value === 0 ? null : ((value - 1) as Sequence));
  }
  return encodeCursor(positions) === text ? positions : null;
}

/** Sequences exceed 32 bits, so bits are moved by arithmetic. */
function writeVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

class VarintReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Null when the bytes end too early or the number is no safe integer. */
  next(): number | null {
    let value = 0;
    let unit = 1;
    for (let read = 0; read < varintBytesMax; read++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return null;
      value += (byte % 128) * unit;
      if (byte < 128) return Number.isSafeInteger(value) ? value : null;
      unit *= 128;
    }
    return null;
  }
}
