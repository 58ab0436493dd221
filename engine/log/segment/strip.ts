/**
 * A strip: consecutive records of a partition as they stand in one row of a segment.
 *
 * A row for each record cost more than the record: eight values through SQLite's door to write it (1.2-1.6 us), seven to read it
 * (2-3 us). So records lie in one blob behind each other, in the very bytes in which they came and of which they are summed, and SQLite
 * is met once for some twenty of them (docs/decisions/a-row-holds-a-strip-of-records.md).
 *
 *     0  u32  crc of all that follows          places, one for each record:   0  u32  where it ends, from the first one's beginning on
 *     4  u32  number of records                                               4  u32  its crc
 *     8  records (`record-batch.ts`)                                          8  u32  the chain with it
 *     .. places
 *
 * Each record keeps sums of its own: what is wrong with one says nothing of its neighbours, and where records were cut into strips means nothing:
 * copies on other nodes may be cut elsewhere. The sum of the whole is for those who read all of it, with one call.
 *
 * Never changed once written. Little endian.
 */
import type { StoredRecord } from '../../event/record.js';
import type { Sequence } from '../../kernel/brand.js';
import { crcOf } from '../checksum.js';
import { type RecordSpan, recordHeadBytes, recordIn, seqIn } from '../record-batch.js';

/** Where the first record is. */
export const stripHeadBytes = 8;
export const countAt = 4;
/** Of one place. */
export const placeBytes = 12;
const crcAt = 4;
const chainAt = 8;

export class Strip {
  /** As the row says. */
  readonly first: Sequence;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #placesAt: number;

  private constructor(first: Sequence, { bytes, count }: { readonly bytes: Uint8Array; readonly count: number }) {
    this.first = first;
    this.count = count;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#placesAt = bytes.length - placeBytes * count;
  }

  /** Of a row, whose numbers and bytes must fit together; null: they do not, which only damage can bring about. */
  static of(first: unknown, content: unknown): Strip | null {
    if (typeof first !== 'number' || !(content instanceof Uint8Array) || content.length < stripHeadBytes) return null;
    // A buffer of Node's makes views of its own kind, which cost three times as much.
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.length);
    const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(countAt, true);
    return Strip.withCount(first as Sequence, { bytes, count });
  }

  /** The same with a count that somebody else tells. */
  static withCount(first: Sequence, parts: { readonly bytes: Uint8Array; readonly count: number }): Strip | null {
    const strip = Strip.unchecked(first, parts);
    return strip !== null && stripHeadBytes + strip.endOf(strip.count - 1) === strip.#placesAt ? strip : null;
  }

  /** Null: there is no room for so many. */
  static unchecked(first: Sequence, parts: { readonly bytes: Uint8Array; readonly count: number }): Strip | null {
    const { bytes, count } = parts;
    if (count < 1 || stripHeadBytes + count * (recordHeadBytes + placeBytes) > bytes.length) return null;
    return new Strip(first, parts);
  }

  /** The same in memory of its own. */
  apart(): Strip {
    return new Strip(this.first, { bytes: this.bytes.slice(), count: this.count });
  }

  get last(): Sequence {
    return (this.first + this.count - 1) as Sequence;
  }

  /** Whether all of it is what was written. */
  get isWhole(): boolean {
    return (
      crcOf(this.bytes.subarray(countAt)) === this.#view.getUint32(0, true) && seqIn(this.#view, stripHeadBytes) === this.first
    );
  }

  has(seq: Sequence): boolean {
    return seq >= this.first && seq <= this.last;
  }

  /** Whether a record is what was written, and the one that its place says. */
  isSound(place: number): boolean {
    const start = this.startOf(place);
    if (this.endOf(place) - start < recordHeadBytes || stripHeadBytes + this.endOf(place) > this.#placesAt) return false;
    return (
      seqIn(this.#view, stripHeadBytes + start) === this.first + place && crcOf(this.bytesOf(place)) === this.storedCrcOf(place)
    );
  }

  /** As its bytes say, which is good only when it is sound; its `event` and `body` are views. */
  record(place: number): StoredRecord {
    return recordIn(this.bytes, this.#view, {
      from: stripHeadBytes + this.startOf(place),
      to: stripHeadBytes + this.endOf(place),
    });
  }

  /** What its checksum covers. */
  bytesOf(place: number): Uint8Array {
    return this.bytes.subarray(stripHeadBytes + this.startOf(place), stripHeadBytes + this.endOf(place));
  }

  /** Records from `place` on and before `until`, in `bytes`. */
  span(place: number, until: number): RecordSpan {
    return {
      from: stripHeadBytes + this.startOf(place),
      to: stripHeadBytes + this.endOf(until - 1),
      first: (this.first + place) as Sequence,
      count: until - place,
    };
  }

  /** From where the first one begins. */
  startOf(place: number): number {
    return place === 0 ? 0 : this.endOf(place - 1);
  }

  endOf(place: number): number {
    return this.#view.getUint32(this.#placesAt + placeBytes * place, true);
  }

  storedCrcOf(place: number): number {
    return this.#view.getUint32(this.#placesAt + placeBytes * place + crcAt, true);
  }

  storedChainOf(place: number): number {
    return this.#view.getUint32(this.#placesAt + placeBytes * place + chainAt, true);
  }
}

/** A strip is closed by the record with which it comes to this much... */
const stripBytesMin = stripBytesOfPages(2);

/** ... so that SQLite, which keeps 489 bytes of a large row beside others and gives the rest pages of its own, fills these. */
function stripBytesOfPages(pages: number): number {
  return 489 + pages * 4_092;
}

/** There is a builder for each partition. */
const startBytes = 12 * 1024;
const startPlaces = 128;
/** After a strip larger than this the memory is given back. */
const keptBytesMax = 64 * 1024;

/** Lays out a strip. `take` hands out its bytes, good until the next `append`. Owned by one thread. */
export class StripBuilder {
  #bytes = new Uint8Array(startBytes);
  #end = stripHeadBytes;
  #places = new Uint8Array(startPlaces * placeBytes);
  #placesView = new DataView(this.#places.buffer);
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** To be taken before the next record. `more`: bytes that are placed and not appended yet. */
  isFullWith(more: number): boolean {
    return this.#end + more + this.#count * placeBytes >= stripBytesMin;
  }

  /** The next record, which ends `bytes` after what was appended. */
  place({ bytes, crc, chain }: { readonly bytes: number; readonly crc: number; readonly chain: number }): void {
    const at = placeBytes * this.#count++;
    if (at === this.#places.length) this.#growPlaces();
    this.#placesView.setUint32(at, this.#end - stripHeadBytes + bytes, true);
    this.#placesView.setUint32(at + crcAt, crc, true);
    this.#placesView.setUint32(at + chainAt, chain, true);
  }

  /** The records that were placed, one or several. */
  append(records: Uint8Array): void {
    this.#reserve(records.length);
    this.#bytes.set(records, this.#end);
    this.#end += records.length;
  }

  /** The content of a row; the builder is empty afterwards. */
  take(): Uint8Array {
    const places = placeBytes * this.#count;
    this.#reserve(places);
    const end = this.#end + places;
    this.#bytes.set(this.#places.subarray(0, places), this.#end);
    const content = this.#bytes.subarray(0, end);
    const view = new DataView(content.buffer);
    view.setUint32(countAt, this.#count, true);
    view.setUint32(0, crcOf(content.subarray(countAt)), true);
    this.clear();
    if (end > keptBytesMax) this.#bytes = new Uint8Array(startBytes);
    return content;
  }

  clear(): void {
    this.#end = stripHeadBytes;
    this.#count = 0;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#end + bytes, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }

  #growPlaces(): void {
    const larger = new Uint8Array(this.#places.length * 2);
    larger.set(this.#places);
    this.#places = larger;
    this.#placesView = new DataView(larger.buffer);
  }
}
