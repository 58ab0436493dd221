/**
 * Columns of which most rows are 0: a chunk shares one array of zeros with all others until something else is to be written.
 *
 * Reading costs nothing for it. Writing goes through `...For`, which gives the array to write `value` to: the shared one takes
 * zeros only, and whoever wrote anything else to it would write it into every event of the process.
 */

/** The longest a column may be. */
export const sparseRowsMax = 16_384;

export const zeroBytes = new Uint8Array(sparseRowsMax);
export const zeroWords = new Uint32Array(sparseRowsMax);
export const zeroDoubles = new Float64Array(sparseRowsMax);
const zeros = Buffer.from(zeroDoubles.buffer);

/** `column`, or one of its own with so many rows, if `value` does not fit the shared one. */
export function bytesFor(column: Uint8Array<ArrayBuffer>, value: number, rows: number): Uint8Array<ArrayBuffer> {
  return value === 0 || column !== zeroBytes ? column : new Uint8Array(rows);
}

export function wordsFor(column: Uint32Array<ArrayBuffer>, value: number, rows: number): Uint32Array<ArrayBuffer> {
  return value === 0 || column !== zeroWords ? column : new Uint32Array(rows);
}

export function doublesFor(column: Float64Array<ArrayBuffer>, value: number, rows: number): Float64Array<ArrayBuffer> {
  return value === 0 || column !== zeroDoubles ? column : new Float64Array(rows);
}

export function isShared(column: object): boolean {
  return column === zeroBytes || column === zeroWords || column === zeroDoubles;
}

/** Whether these bytes are all 0. */
export function areZeros(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const end = Math.min(bytes.length, at + zeros.length);
    if (zeros.compare(bytes, at, end, 0, end - at) !== 0) return false;
  }
  return true;
}
