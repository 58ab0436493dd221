/**
 * Finished events of one segment of the log that no index knows yet: a row of numbers each, in the order of their final records.
 *
 * Rows are only ever added, but for the last ones, which move to the next page when that is opened; an event that is put back
 * leaves an empty place. Chunks of 16,384 rows, the first of which begins small, as in `columns.ts`, and the same fields: what lists and
 * bulk changes ask.
 *
 * Owned by its partition (`finished.ts`).
 */
import { type Handle, noSequence, type Sequence } from '../kernel/brand.js';
import { type EventId, eventIdBytes } from '../kernel/event-id.js';
import { hashOfId, hashAt } from './columns.js';
import { HandleTable } from './handle-table.js';
import { KeyTable } from './key-table.js';
import { NewestInBlocks } from './newest-in-blocks.js';
import { packRows, runsOf, unpackRows } from './packed-rows.js';
import { type ListedRows, type RowSpan, versionAt } from './row-filter.js';

const chunkRows = 16_384;
const chunkShift = 14;
const chunkMask = chunkRows - 1;
const firstRows = 512;

/** Each field is a column, as in `columns.ts`; snapshots walk them. */
const chunkOf = (rows: number) => ({
  id: new Uint8Array(rows * eventIdBytes),
  tagHigh: new Uint32Array(rows),
  tagLow: new Uint32Array(rows),
  /** The final record. */
  newestSeq: new Float64Array(rows),
  scheduledAt: new Float64Array(rows),
  source: new Uint32Array(rows),
  type: new Uint32Array(rows),
  destination: new Uint32Array(rows),
  signatureHigh: new Uint32Array(rows),
  signatureLow: new Uint32Array(rows),
  status: new Uint8Array(rows),
  priority: new Uint8Array(rows),
  deliveryType: new Uint8Array(rows),
  changes: new Uint32Array(rows),
  attempts: new Uint32Array(rows),
  bodyBehind: new Float64Array(rows),
});

type Chunk = ReturnType<typeof chunkOf>;

export const finishedForms = (Object.entries(chunkOf(1)) as [keyof Chunk, Chunk[keyof Chunk]][]).map(([name, array]) => ({
  name,
  bytesPerRow: array.byteLength,
}));

/** The finals with sequences from `first` up to the first of the next page. */
export class FinishedPage {
  readonly first: Sequence;
  readonly #chunks: Chunk[] = [];
  readonly #byId: HandleTable;
  readonly #byKey: KeyTable;
  readonly #newest = new NewestInBlocks();
  #rows = 0;
  /** So many rows fit into the chunks. */
  #room = 0;

  /** `isAsked`: as for `PartitionState`. */
  constructor(first: Sequence, { isAsked = true }: { readonly isAsked?: boolean } = {}) {
    this.first = first;
    this.#byId = new HandleTable({ isAsked });
    const tags = {
      tagHigh: (row: Handle) => this.#chunkOf(row).tagHigh[row & chunkMask]!,
      tagLow: (row: Handle) => this.#chunkOf(row).tagLow[row & chunkMask]!,
    };
    this.#byKey = new KeyTable(tags, { isAsked });
  }

  get size(): number {
    return this.#rows;
  }

  /** The row at `at` of `rows`, copied: that of an event as its final record has left it. */
  add(rows: ListedRows, at: number): void {
    if (this.#rows === this.#room) this.#makeRoom();
    const handle = this.#rows++ as Handle;
    copyRow({ rows, at }, { rows: this.#chunks[handle >>> chunkShift]!, at: handle & chunkMask });
    this.#enter(handle);
  }

  /** The newest final record of an id in this page. */
  seqOf(id: EventId): Sequence | null {
    let newest: Sequence | null = null;
    this.#byId.find(hashOfId(id), (row) => {
      if (sameBytes(this.#id(row), id)) newest = newer(newest, this.#seq(row));
      return false;
    });
    return newest;
  }

  versionAt(seq: Sequence, id: EventId): number | null {
    const row = this.#rowOf(id, seq);
    return row === null ? null : versionAt(this.#chunkOf(row), row & chunkMask);
  }

  hasTag(tag: { readonly tagHigh: number; readonly tagLow: number }): boolean {
    return this.#byKey.has(tag);
  }

  tagged(tag: { tagHigh: number; tagLow: number }, into: Sequence[]): void {
    for (const row of this.#byKey.tagged(tag)) into.push(this.#seq(row));
  }

  /** Rows of events with this text in their key; null: so many that a scan is to find them. */
  withText(tagLow: number): Handle[] | null {
    return this.#byKey.withText(tagLow);
  }

  /** As `EventColumns.span`. */
  span(row: number): RowSpan | null {
    if (row >= this.#rows) return null;
    const at = row & chunkMask;
    return { rows: this.#chunkOf(row), at, end: Math.min(chunkRows, at + this.#rows - row) };
  }

  /** As `EventColumns.newestAt`. */
  newestAt(row: number): number {
    return this.#newest.boundAt(row);
  }

  /** Rows from `from` on move to the end of `next`, in their order; `moved` is told of each. They are the last ones here. */
  moveBehind(from: Sequence, next: FinishedPage, moved: (rows: ListedRows, at: number) => void): void {
    let first = this.#rows;
    while (first > 0 && !this.#isBefore((first - 1) as Handle, from)) first--;
    for (let row = first; row < this.#rows; row++) {
      const handle = row as Handle;
      if (this.#seq(handle) === noSequence) continue;
      const chunk = this.#chunkOf(row);
      next.add(chunk, row & chunkMask);
      moved(chunk, row & chunkMask);
      this.#leave(handle);
    }
    this.#rows = first;
  }

  /** An empty place may be on either side. */
  #isBefore(row: Handle, from: Sequence): boolean {
    const seq = this.#seq(row);
    return seq !== noSequence && seq < from;
  }

  /** The row of an event whose final record at `seq` is not its last any more: it leaves an empty place. */
  remove(id: EventId, seq: Sequence): void {
    const handle = this.#rowOf(id, seq);
    if (handle === null) return;
    this.#leave(handle);
    this.#chunkOf(handle).newestSeq[handle & chunkMask] = noSequence;
  }

  /** Out of the tables, while its row still says what it was. */
  #leave(handle: Handle): void {
    const chunk = this.#chunkOf(handle);
    const at = handle & chunkMask;
    this.#byId.remove(this.#idHash(handle), handle);
    if (chunk.tagHigh[at] !== 0 || chunk.tagLow[at] !== 0) this.#byKey.remove(handle);
  }

  /** Places that are not empty, oldest first. */
  liveRows(): number[] {
    const rows: number[] = [];
    for (let row = 0; row < this.#rows; row++) if (this.#seq(row as Handle) !== noSequence) rows.push(row);
    return rows;
  }

  /** Rows as bytes (`packed-rows.ts`). */
  gather(rows: readonly number[]): Uint8Array<ArrayBuffer> {
    const runs = runsOf(rows, chunkRows);
    return packRows(rows.length, finishedForms, ({ name, bytesPerRow: width }) => {
      const values = new Uint8Array(rows.length * width);
      for (const { place, row, count } of runs) {
        const column = this.#chunkOf(row)[name];
        values.set(new Uint8Array(column.buffer, (row & chunkMask) * width, count * width), place * width);
      }
      return values;
    });
  }

  /** Adds rows that `gather` has laid out. */
  scatter(bytes: Uint8Array): void {
    const { rows, columns } = unpackRows(bytes, finishedForms);
    for (let row = 0; row < rows; ) {
      if (this.#rows === this.#room) this.#makeRoom();
      const at = this.#rows & chunkMask;
      const some = Math.min(rows - row, this.#room - this.#rows);
      for (const { form, values } of columns) {
        const { name, bytesPerRow: width } = form;
        const column = new Uint8Array(this.#chunkOf(this.#rows)[name].buffer, at * width, some * width);
        if (values === null) column.fill(0);
        else column.set(values.subarray(row * width, (row + some) * width));
      }
      for (let each = 0; each < some; each++) this.#enter((this.#rows + each) as Handle);
      this.#rows += some;
      row += some;
    }
  }

  #enter(handle: Handle): void {
    const chunk = this.#chunkOf(handle);
    const at = handle & chunkMask;
    this.#newest.note(handle, chunk.id, at * eventIdBytes);
    this.#byId.add(this.#idHash(handle), handle);
    if (chunk.tagHigh[at] !== 0 || chunk.tagLow[at] !== 0) this.#byKey.add(handle);
  }

  #rowOf(id: EventId, seq: Sequence): Handle | null {
    return this.#byId.find(hashOfId(id), (row) => this.#seq(row) === seq && sameBytes(this.#id(row), id));
  }

  #id(row: Handle): EventId {
    const at = (row & chunkMask) * eventIdBytes;
    return this.#chunkOf(row).id.subarray(at, at + eventIdBytes);
  }

  #idHash(row: Handle): number {
    return hashAt(this.#chunkOf(row).id, (row & chunkMask) * eventIdBytes);
  }

  #seq(row: Handle): Sequence {
    return this.#chunkOf(row).newestSeq[row & chunkMask]! as Sequence;
  }

  #makeRoom(): void {
    if (this.#room === firstRows) {
      const [first] = this.#chunks;
      const whole = chunkOf(chunkRows);
      for (const { name } of finishedForms) whole[name].set(first![name]);
      this.#chunks[0] = whole;
      this.#room = chunkRows;
      return;
    }
    const rows = this.#room === 0 ? firstRows : chunkRows;
    this.#chunks.push(chunkOf(rows));
    this.#room += rows;
  }

  #chunkOf(row: number): Chunk {
    return this.#chunks[row >>> chunkShift]!;
  }
}

type RowOf<Rows> = Pick<RowSpan, 'at'> & { readonly rows: Rows };

function copyRow(from: RowOf<ListedRows>, to: RowOf<Chunk>): void {
  const { rows: one, at } = from;
  const { rows: other, at: place } = to;
  const idAt = at * eventIdBytes;
  const idPlace = place * eventIdBytes;
  for (let byte = 0; byte < eventIdBytes; byte++) other.id[idPlace + byte] = one.id[idAt + byte]!;
  other.tagHigh[place] = one.tagHigh[at]!;
  other.tagLow[place] = one.tagLow[at]!;
  other.newestSeq[place] = one.newestSeq[at]!;
  other.scheduledAt[place] = one.scheduledAt[at]!;
  other.source[place] = one.source[at]!;
  other.type[place] = one.type[at]!;
  other.destination[place] = one.destination[at]!;
  other.signatureHigh[place] = one.signatureHigh[at]!;
  other.signatureLow[place] = one.signatureLow[at]!;
  other.status[place] = one.status[at]!;
  other.priority[place] = one.priority[at]!;
  other.deliveryType[place] = one.deliveryType[at]!;
  other.changes[place] = one.changes[at]!;
  other.attempts[place] = one.attempts[at]!;
  other.bodyBehind[place] = one.bodyBehind[at]!;
}

function newer(one: Sequence | null, other: Sequence): Sequence {
  return one === null || other > one ? other : one;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = one.length - 1; at >= 0; at--) if (one[at] !== other[at]) return false;
  return true;
}
