/**
 * Finished events: where the final record of an id, or of a key, is, what filters ask, and how many there are.
 *
 * Finished events leave the columns at once. There is a page for each segment of the log, in their order:
 *
 *     indexed     its finals are found through the index of the segment; here only its filter and what is counted
 *     open        (sealed or not) its finals stand here, 63 bytes each, until an index knows them
 *
 *     removed by retention | indexed | indexed | open (its index is being built) | open (takes the appends)
 *
 * Nothing is ever removed one by one: rows go when their segment gets its index, a page when its segment is removed. Counts belong
 * to pages, so that they go with what they count.
 *
 * The actor runs ahead of its log writer: finals of a following segment may stand in a page before it is told where that one
 * ends; `openPage` moves them.
 *
 * An event that an operator has retried leaves its final record behind here, as it does in an index: a final record says how an event
 * ended only while the event is not pending, and only the newest one of an event.
 */
import type { Labels } from '../event/labels.js';
import { type DeliveryType, deliveryTypes } from '../event/spec.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import { type Handle, noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import { eventIdBytes } from '../kernel/event-id.js';
import type { SegmentFilter } from '../log/segment-filter.js';
import { type ColumnForm, hashOfId } from './columns.js';
import { HandleTable } from './handle-table.js';
import { KeyTable } from './key-table.js';
import type { ListedRows, RowSpan } from './row-filter.js';

export interface FinishedRow {
  readonly id: EventId;
  /** 0, 0: no key. */
  readonly tagHigh: number;
  readonly tagLow: number;
  /** The final record. */
  readonly seq: Sequence;
  readonly scheduledAtMs: WallMs;
  readonly labels: Labels;
  readonly status: EventStatus;
  readonly priority: number;
  readonly deliveryType: DeliveryType;
}

const chunkRows = 16_384;
const chunkShift = 14;
const chunkMask = chunkRows - 1;

/** Each field is a column, as in `columns.ts`; snapshots walk them. */
class Chunk implements ListedRows {
  readonly id = new Uint8Array(chunkRows * eventIdBytes);
  readonly tagHigh = new Uint32Array(chunkRows);
  readonly tagLow = new Uint32Array(chunkRows);
  /** The final record. */
  readonly newestSeq = new Float64Array(chunkRows);
  readonly scheduledAt = new Float64Array(chunkRows);
  readonly source = new Uint32Array(chunkRows);
  readonly type = new Uint32Array(chunkRows);
  readonly destination = new Uint32Array(chunkRows);
  readonly signatureHigh = new Uint32Array(chunkRows);
  readonly signatureLow = new Uint32Array(chunkRows);
  readonly status = new Uint8Array(chunkRows);
  readonly priority = new Uint8Array(chunkRows);
  readonly deliveryType = new Uint8Array(chunkRows);
}

export const finishedForms: readonly ColumnForm[] = Object.entries(new Chunk()).map(
  ([name, array]: [string, Chunk[keyof Chunk]]) => ({ name, bytesPerRow: array.byteLength / chunkRows }),
);

const bytesPerRow = finishedForms.reduce((sum, form) => sum + form.bytesPerRow, 0);

/**
 * The finals of one segment: those with sequences from `first` up to the first of the next page. Rows are only ever added, but
 * for the last ones, which move to the next page when that is opened; one that is put back leaves an empty place.
 */
export class FinishedPage {
  readonly first: Sequence;
  readonly #chunks: Chunk[] = [];
  readonly #byId = new HandleTable((row) => hashOfId(this.#id(row)));
  readonly #byKey = new KeyTable({
    tagHigh: (row) => this.#chunkOf(row).tagHigh[row & chunkMask]!,
    tagLow: (row) => this.#chunkOf(row).tagLow[row & chunkMask]!,
  });
  #rows = 0;

  constructor(first: Sequence) {
    this.first = first;
  }

  get size(): number {
    return this.#rows;
  }

  add(row: FinishedRow): void {
    if (this.#rows === this.#chunks.length * chunkRows) this.#chunks.push(new Chunk());
    const handle = this.#rows++ as Handle;
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    chunk.id.set(row.id, at * eventIdBytes);
    chunk.tagHigh[at] = row.tagHigh;
    chunk.tagLow[at] = row.tagLow;
    chunk.newestSeq[at] = row.seq;
    chunk.scheduledAt[at] = row.scheduledAtMs;
    chunk.source[at] = row.labels.source;
    chunk.type[at] = row.labels.type;
    chunk.destination[at] = row.labels.destination;
    chunk.signatureHigh[at] = row.labels.signatureHigh;
    chunk.signatureLow[at] = row.labels.signatureLow;
    chunk.status[at] = eventStatuses.indexOf(row.status);
    chunk.priority[at] = row.priority;
    chunk.deliveryType[at] = deliveryTypes.indexOf(row.deliveryType);
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

  /** The last one goes, and is returned, if it stands at `from` or behind. */
  takeLast(from: Sequence): FinishedRow | null {
    while (this.#rows > 0 && this.#seq((this.#rows - 1) as Handle) === noSequence) this.#rows--;
    const handle = (this.#rows - 1) as Handle;
    if (handle < 0 || this.#seq(handle) < from) return null;
    const row = this.#row(handle);
    this.#byId.remove(hashOfId(row.id), handle);
    if (row.tagHigh !== 0 || row.tagLow !== 0) this.#byKey.remove(handle);
    this.#rows--;
    return row;
  }

  /** The row of an event whose final record at `seq` is not its last any more: it leaves an empty place. */
  remove(id: EventId, seq: Sequence): void {
    const handle = this.#byId.find(hashOfId(id), (row) => this.#seq(row) === seq && sameBytes(this.#id(row), id));
    if (handle === null) return;
    const chunk = this.#chunkOf(handle);
    const at = handle & chunkMask;
    this.#byId.remove(hashOfId(id), handle);
    if (chunk.tagHigh[at] !== 0 || chunk.tagLow[at] !== 0) this.#byKey.remove(handle);
    chunk.newestSeq[at] = noSequence;
  }

  /** Places that are not empty, oldest first. */
  liveRows(): number[] {
    const rows: number[] = [];
    for (let row = 0; row < this.#rows; row++) if (this.#seq(row as Handle) !== noSequence) rows.push(row);
    return rows;
  }

  /** As `EventColumns.gather`. */
  gather(rows: readonly number[]): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(rows.length * bytesPerRow);
    let end = 0;
    for (const { name, bytesPerRow: width } of finishedForms) {
      for (const row of rows) {
        const column = this.#chunkOf(row)[name as keyof Chunk];
        bytes.set(new Uint8Array(column.buffer, (row & chunkMask) * width, width), end);
        end += width;
      }
    }
    return bytes;
  }

  /** Adds rows that `gather` has laid out. */
  scatter(bytes: Uint8Array, count: number): void {
    invariant(
      bytes.length === count * bytesPerRow,
      () => `expected ${count} rows of ${bytesPerRow} bytes, found ${bytes.length}`,
    );
    for (let row = 0; row < count; ) {
      if (this.#rows === this.#chunks.length * chunkRows) this.#chunks.push(new Chunk());
      const at = this.#rows & chunkMask;
      const some = Math.min(count - row, chunkRows - at);
      let columnAt = 0;
      for (const { name, bytesPerRow: width } of finishedForms) {
        const from = columnAt + row * width;
        const column = this.#chunkOf(this.#rows)[name as keyof Chunk];
        new Uint8Array(column.buffer).set(bytes.subarray(from, from + some * width), at * width);
        columnAt += count * width;
      }
      for (let each = 0; each < some; each++) this.#enter((this.#rows + each) as Handle);
      this.#rows += some;
      row += some;
    }
  }

  #enter(handle: Handle): void {
    const chunk = this.#chunkOf(handle);
    const at = handle & chunkMask;
    this.#byId.add(hashOfId(this.#id(handle)), handle);
    if (chunk.tagHigh[at] !== 0 || chunk.tagLow[at] !== 0) this.#byKey.add(handle);
  }

  #row(handle: Handle): FinishedRow {
    const chunk = this.#chunkOf(handle);
    const at = handle & chunkMask;
    return {
      id: this.#id(handle).slice(),
      tagHigh: chunk.tagHigh[at]!,
      tagLow: chunk.tagLow[at]!,
      seq: this.#seq(handle),
      scheduledAtMs: chunk.scheduledAt[at]! as WallMs,
      labels: {
        source: chunk.source[at]!,
        type: chunk.type[at]!,
        destination: chunk.destination[at]!,
        signatureHigh: chunk.signatureHigh[at]!,
        signatureLow: chunk.signatureLow[at]!,
      },
      status: eventStatuses[chunk.status[at]!]!,
      priority: chunk.priority[at]!,
      deliveryType: deliveryTypes[chunk.deliveryType[at]!]!,
    };
  }

  #id(row: Handle): EventId {
    const at = (row & chunkMask) * eventIdBytes;
    return this.#chunkOf(row).id.subarray(at, at + eventIdBytes);
  }

  #seq(row: Handle): Sequence {
    return this.#chunkOf(row).newestSeq[row & chunkMask]! as Sequence;
  }

  #chunkOf(row: number): Chunk {
    return this.#chunks[row >>> chunkShift]!;
  }
}

/** What is counted by: the states, then the delivery types. */
const kinds = eventStatuses.length + deliveryTypes.length;
export type FinishedCounts = Int32Array;
type Counted = Pick<FinishedRow, 'status' | 'deliveryType'>;

/** One segment of the log. */
class Page {
  readonly first: Sequence;
  readonly counts: FinishedCounts = new Int32Array(kinds);
  /** Null once its segment is indexed. */
  rows: FinishedPage | null;
  filter: SegmentFilter | null = null;

  constructor(first: Sequence) {
    this.first = first;
    this.rows = new FinishedPage(first);
  }

  count({ status, deliveryType }: Counted, by: 1 | -1): void {
    this.counts[eventStatuses.indexOf(status)]! += by;
    this.counts[eventStatuses.length + deliveryTypes.indexOf(deliveryType)]! += by;
  }
}

/** A page as a snapshot keeps it. */
export interface PageOutline {
  readonly first: Sequence;
  readonly counts: readonly number[];
}

export class FinishedEvents {
  /** Oldest first; the last one takes what finishes. */
  #pages: Page[] = [new Page(1 as Sequence)];

  /** Of segments without an index, oldest first. One that is dropped later can still be read by who holds it. */
  get pages(): readonly FinishedPage[] {
    return this.#pages.flatMap(({ rows }) => rows ?? []);
  }

  /** Rows that no index knows yet. */
  /** Where the segments open whose finals are found through their index. */
  get indexedSegments(): Sequence[] {
    return this.#pages.filter(({ rows }) => rows === null).map(({ first }) => first);
  }

  get size(): number {
    let size = 0;
    for (const { rows } of this.#pages) size += rows?.size ?? 0;
    return size;
  }

  /** Bytes of all filters. */
  get filterBytes(): number {
    let bytes = 0;
    for (const { filter } of this.#pages) bytes += filter?.bytes ?? 0;
    return bytes;
  }

  /** Of all pages: by state, then by delivery type. */
  get counts(): FinishedCounts {
    const sum = new Int32Array(kinds);
    for (const { counts } of this.#pages) for (let kind = 0; kind < kinds; kind++) sum[kind]! += counts[kind]!;
    return sum;
  }

  /** Where the oldest segment opens. */
  get first(): Sequence {
    return this.#pages[0]!.first;
  }

  get outline(): readonly PageOutline[] {
    return this.#pages.map(({ first, counts }) => ({ first, counts: [...counts] }));
  }

  add(row: FinishedRow): void {
    const page = this.#pageOf(row.seq);
    page.count(row, 1);
    page.rows?.add(row);
  }

  /** The event whose final record is at `seq` is no longer finished there: it was put back, or stands in a newer record. */
  supersede(seq: Sequence, row: Counted & Pick<FinishedRow, 'id'>): void {
    // Of a segment that was removed nothing is counted any more.
    if (seq < this.first) return;
    const page = this.#pageOf(seq);
    page.count(row, -1);
    page.rows?.remove(row.id, seq);
  }

  /** A segment opens with `first`: finals from there on belong to it. To be told twice does no harm. */
  openPage(first: Sequence): void {
    const before = this.#pageOf(first);
    if (before.first >= first) return;
    const page = new Page(first);
    this.#pages.splice(this.#pages.indexOf(before) + 1, 0, page);
    const moved: FinishedRow[] = [];
    for (let row = before.rows?.takeLast(first) ?? null; row !== null; row = before.rows!.takeLast(first)) moved.push(row);
    for (const row of moved.reverse()) {
      before.count(row, -1);
      page.count(row, 1);
      page.rows!.add(row);
    }
  }

  /** The segment from `first` up to before `next` has an index: what is remembered of its finals may go. */
  indexed({ first, next, filter }: { readonly first: Sequence; readonly next: Sequence; readonly filter: SegmentFilter }): void {
    if (first < this.first) return;
    this.openPage(first);
    this.openPage(next);
    const page = this.#pageOf(first);
    page.rows = null;
    page.filter = filter;
  }

  /** The segments before `first` are gone. Returns the counts of what went with them. */
  removeBefore(first: Sequence): FinishedCounts {
    const removed = new Int32Array(kinds);
    while (this.#pages.length > 1 && this.#pages[1]!.first <= first) {
      const { counts } = this.#pages.shift()!;
      for (let kind = 0; kind < kinds; kind++) removed[kind]! += counts[kind]!;
    }
    return removed;
  }

  /** The newest final record of an id that no index knows. */
  seqOf(id: EventId): Sequence | null {
    for (let page = this.#pages.length - 1; page >= 0; page--) {
      const seq = this.#pages[page]!.rows?.seqOf(id) ?? null;
      if (seq !== null) return seq;
    }
    return null;
  }

  /** Final records of all events with this tag that no index knows, newest first. */
  tagged(tag: { tagHigh: number; tagLow: number }): Sequence[] {
    const seqs: Sequence[] = [];
    for (const { rows } of this.#pages) rows?.tagged(tag, seqs);
    return seqs.sort((one, other) => other - one);
  }

  /** False: certainly no event with this id finished in an indexed segment. */
  mayBeIndexedId(id: EventId): boolean {
    for (let page = this.#pages.length - 1; page >= 0; page--) if (this.#pages[page]!.filter?.mayHaveId(id)) return true;
    return false;
  }

  /** The same of segments that open with `first` or later. */
  mayBeIndexedSince(first: Sequence, id: EventId): boolean {
    return this.#pages.some((page) => page.first >= first && page.filter?.mayHaveId(id));
  }

  mayBeIndexedKey(tag: { tagHigh: number; tagLow: number }): boolean {
    for (let page = this.#pages.length - 1; page >= 0; page--) if (this.#pages[page]!.filter?.mayHaveKey(tag)) return true;
    return false;
  }

  /** Pages as a snapshot tells of them, instead of what is here; their rows come by `restore`. */
  layOut(pages: readonly PageOutline[]): void {
    this.#pages = pages.map(({ first, counts }) => {
      const page = new Page(first);
      page.counts.set(counts);
      return page;
    });
  }

  /** Rows of a snapshot, counted there already; of the page that opens with `first`. */
  restore(first: Sequence, { bytes, rows }: { readonly bytes: Uint8Array; readonly rows: number }): void {
    const page = this.#pageOf(first);
    // Its segment may have been removed since.
    if (page.first === first) page.rows?.scatter(bytes, rows);
  }

  /** Mostly the last one. */
  #pageOf(seq: Sequence): Page {
    let at = this.#pages.length - 1;
    while (at > 0 && this.#pages[at]!.first > seq) at--;
    return this.#pages[at]!;
  }
}

function newer(one: Sequence | null, other: Sequence): Sequence {
  return one === null || other > one ? other : one;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = one.length - 1; at >= 0; at--) if (one[at] !== other[at]) return false;
  return true;
}
