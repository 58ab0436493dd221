/**
 * Finished events that no segment index knows yet: where the final record of an id, or of a key, is.
 *
 * Finished events leave the columns at once. Until their segment is sealed and indexed they are found here, 40 bytes each;
 * then the whole page of that segment is dropped. Pages follow segments, so nothing is ever removed one by one.
 */
import type { Handle, Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { hashOfId } from './columns.js';
import { HandleTable } from './handle-table.js';

export interface FinishedRow {
  readonly id: EventId;
  /** 0, 0: no key. */
  readonly tagHigh: number;
  readonly tagLow: number;
  /** The final record. */
  readonly seq: Sequence;
}

const chunkRows = 16_384;
const chunkShift = 14;
const chunkMask = chunkRows - 1;

class Chunk {
  readonly ids = new Uint8Array(chunkRows * eventIdBytes);
  readonly tagHigh = new Uint32Array(chunkRows);
  readonly tagLow = new Uint32Array(chunkRows);
  readonly seqs = new Float64Array(chunkRows);
}

/** The finals of one segment: those with sequences from `first` up to the first of the next page. */
class Page {
  readonly first: Sequence;
  readonly #chunks: Chunk[] = [];
  readonly #byId = new HandleTable((row) => hashOfId(this.#id(row)));
  readonly #byTag = new HandleTable((row) => this.#tagHash(row));
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
    chunk.ids.set(row.id, at * eventIdBytes);
    chunk.tagHigh[at] = row.tagHigh;
    chunk.tagLow[at] = row.tagLow;
    chunk.seqs[at] = row.seq;
    this.#byId.add(hashOfId(row.id), handle);
    if (row.tagHigh !== 0 || row.tagLow !== 0) this.#byTag.add(row.tagLow, handle);
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

  tagged({ tagHigh, tagLow }: { tagHigh: number; tagLow: number }, into: Sequence[]): void {
    this.#byTag.find(tagLow, (row) => {
      const chunk = this.#chunks[row >>> chunkShift]!;
      if (chunk.tagHigh[row & chunkMask] === tagHigh && chunk.tagLow[row & chunkMask] === tagLow) into.push(this.#seq(row));
      return false;
    });
  }

  forEach(visit: (row: FinishedRow) => void): void {
    for (let handle = 0; handle < this.#rows; handle++) {
      const chunk = this.#chunks[handle >>> chunkShift]!;
      const at = handle & chunkMask;
      visit({
        id: this.#id(handle as Handle),
        tagHigh: chunk.tagHigh[at]!,
        tagLow: chunk.tagLow[at]!,
        seq: this.#seq(handle as Handle),
      });
    }
  }

  #id(row: Handle): EventId {
    const at = (row & chunkMask) * eventIdBytes;
    return this.#chunks[row >>> chunkShift]!.ids.subarray(at, at + eventIdBytes);
  }

  #seq(row: Handle): Sequence {
    return this.#chunks[row >>> chunkShift]!.seqs[row & chunkMask]! as Sequence;
  }

  #tagHash(row: Handle): number {
    return this.#chunks[row >>> chunkShift]!.tagLow[row & chunkMask]!;
  }
}

export class FinishedOverlay {
  /** Oldest first; the last one is open. */
  readonly #pages: Page[] = [new Page(1 as Sequence)];

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
    this.#pages.push(new Page(first));
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
