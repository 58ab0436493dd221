/**
 * Rows of columns as bytes, for a snapshot: u32 rows, u32 a bit for each column that holds anything but zeros, and those columns, one
 * behind the other, in the order of their list.
 *
 * What most events do not have takes no room on disk, is read by nobody, and no page of memory is touched for it.
 */
import { invariant } from '../kernel/errors.js';
import { areZeros } from './sparse.js';

export interface ColumnForm {
  readonly name: string;
  readonly bytesPerRow: number;
}

const headBytes = 8;

/** `valuesOf`: of all rows, as many bytes as the form says; null: nothing but zeros. */
export function packRows<Form extends ColumnForm>(
  rows: number,
  forms: readonly Form[],
  valuesOf: (form: Form) => Uint8Array | null,
): Uint8Array<ArrayBuffer> {
  const columns: Uint8Array[] = [];
  let mask = 0;
  let length = headBytes;
  for (const [place, form] of forms.entries()) {
    const values = valuesOf(form);
    if (values === null || areZeros(values)) continue;
    invariant(values.length === rows * form.bytesPerRow, () => `${form.name}: ${values.length} bytes for ${rows} rows`);
    mask |= 1 << place;
    columns.push(values);
    length += values.length;
  }
  const bytes = new Uint8Array(length);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, rows, true);
  head.setUint32(4, mask >>> 0, true);
  let end = headBytes;
  for (const values of columns) {
    bytes.set(values, end);
    end += values.length;
  }
  return bytes;
}

/** Rows that follow each other, within one chunk. */
export interface Run {
  /** Of the first of them among those that are asked for. */
  readonly place: number;
  readonly row: number;
  readonly count: number;
}

/** Nearly all rows follow each other: a copy for each run of them instead of one for each row. `chunkRows`: a power of two. */
export function runsOf(rows: ArrayLike<number>, chunkRows: number): Run[] {
  const runs: Run[] = [];
  for (let place = 0, end = 0; place < rows.length; place = end) {
    const row = rows[place]!;
    const chunkEnd = row - (row & (chunkRows - 1)) + chunkRows;
    while (end < rows.length && rows[end] === row + end - place && rows[end]! < chunkEnd) end++;
    runs.push({ place, row, count: end - place });
  }
  return runs;
}

export interface PackedColumn<Form> {
  readonly form: Form;
  /** Null: nothing but zeros. */
  readonly values: Uint8Array | null;
}

export function unpackRows<Form extends ColumnForm>(
  bytes: Uint8Array,
  forms: readonly Form[],
): { readonly rows: number; readonly columns: readonly PackedColumn<Form>[] } {
  const head = new DataView(bytes.buffer, bytes.byteOffset, headBytes);
  const rows = head.getUint32(0, true);
  const mask = head.getUint32(4, true);
  let end = headBytes;
  const columns = forms.map((form, place): PackedColumn<Form> => {
    if ((mask & (1 << place)) === 0) return { form, values: null };
    const from = end;
    end += rows * form.bytesPerRow;
    return { form, values: bytes.subarray(from, end) };
  });
  invariant(end === bytes.length, () => `${rows} rows take ${end} bytes, found ${bytes.length}`);
  return { rows, columns };
}
