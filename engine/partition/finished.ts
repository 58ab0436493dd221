/**
 * Finished events that no segment index knows yet: where the final record of an id, or of a key, is, and what filters ask.
 *
 * Finished events leave the columns at once. Until their segment is sealed and indexed they are found here, 63 bytes each;
 * then the whole page of that segment is dropped. Pages follow segments, so nothing is ever removed one by one.
 */
import type { Labels } from '../event/labels.js';
import { type DeliveryType, deliveryTypes } from '../event/spec.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import type { Handle, Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { hashOfId } from './columns.js';
import { HandleTable } from './handle-table.js';
import { KeyTable } from './key-table.js';
import type { ListedRows, RowSpan } from './row-filter.js';

/** What is remembered of a finished event for good. */
export interface FinishedKey {
  readonly id: EventId;
  /** 0, 0: no key. */
  readonly tagHigh: number;
  readonly tagLow: number;
}

export interface FinishedRow extends FinishedKey {
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

/** The finals of one segment: those with sequences from `first` up to the first of the next page. Rows are only ever added. */
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
    this.#byId.add(hashOfId(row.id), handle);
    if (row.tagHigh !== 0 || row.tagLow !== 0) this.#byKey.add(handle);
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

  forEach(visit: (row: FinishedRow) => void): void {
    for (let handle = 0; handle < this.#rows; handle++) {
      const chunk = this.#chunkOf(handle);
      const at = handle & chunkMask;
      visit({
        id: this.#id(handle as Handle),
        tagHigh: chunk.tagHigh[at]!,
        tagLow: chunk.tagLow[at]!,
        seq: this.#seq(handle as Handle),
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
      });
    }
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

export class FinishedOverlay {
  /** Oldest first; the last one is open. */
  readonly #pages: FinishedPage[] = [new FinishedPage(1 as Sequence)];

  /** Oldest first. One that is dropped later can still be read by who holds it. */
  get pages(): readonly FinishedPage[] {
    return [...this.#pages];
  }

  get size(): number {
    let size = 0;
    for (const page of this.#pages) size += page.size;
    return size;
  }

  add(row: FinishedRow): void {
    this.#pages[this.#pages.length - 1]!.add(row);
  }

  /** A new segment opens with `first`: finals from there on belong to it. */
  openPage(first: Sequence): void {
    this.#pages.push(new FinishedPage(first));
  }

  /**
   * Segments before `next` are indexed: their finals are handed to `leave` once more and forgotten. The actor runs ahead of
   * its log writer, so a page may hold finals of the following segment; these move to the next page.
   */
  dropBefore(next: Sequence, leave: (row: FinishedRow) => void): void {
    while (this.#pages.length > 1 && this.#pages[1]!.first <= next) {
      const dropped = this.#pages.shift()!;
      dropped.forEach((row) => (row.seq < next ? leave(row) : this.#pages[0]!.add(row)));
    }
  }

  /** The newest final record of an id. */
  seqOf(id: EventId): Sequence | null {
    for (let page = this.#pages.length - 1; page >= 0; page--) {
      const seq = this.#pages[page]!.seqOf(id);
      if (seq !== null) return seq;
    }
    return null;
  }

  /** Final records of all events with this tag, newest first. */
  tagged(tag: { tagHigh: number; tagLow: number }): Sequence[] {
    const seqs: Sequence[] = [];
    for (const page of this.#pages) page.tagged(tag, seqs);
    return seqs.sort((one, other) => other - one);
  }
}

function newer(one: Sequence | null, other: Sequence): Sequence {
  return one === null || other > one ? other : one;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = one.length - 1; at >= 0; at--) if (one[at] !== other[at]) return false;
  return true;
}
