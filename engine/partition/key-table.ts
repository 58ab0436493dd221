/**
 * Where the events with a key are: by the whole key, as a repeated request asks, and by its text alone, as a reader asks who
 * does not know the source.
 *
 * Both through one table by the tag of the text (`content.ts`), 8 bytes an event: the whole key only has to be told apart
 * among events with the same text. But a text may be everybody's ("monthly-report" from a million sources), and then each
 * insertion would walk past all of them. So at most 64 rows of one text stand in that table; the text is then *crowded*, and
 * further rows go into a second table by the tag of the whole key. A whole key is always found without walking far; a
 * crowded text has to be scanned for, which is said by null.
 *
 * Invariant: a row is in exactly one of the two tables.
 */
import type { Handle } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { HandleTable } from './handle-table.js';

/** A walk over so many rows takes about 2 us. */
const rowsOfTextMax = 64;

export interface TagColumns {
  tagHigh(handle: Handle): number;
  tagLow(handle: Handle): number;
}

export class KeyTable {
  readonly #tags: TagColumns;
  readonly #byText = new HandleTable();
  readonly #byKey = new HandleTable();
  /** By the tag of the text: rows in `#byKey`. At most one entry for 64 rows. */
  readonly #crowded = new Map<number, number>();
  /** What `#hasTag` and `#fillsText` compare with. Every new event with a key asks both, and a closure for each was garbage at once. */
  #tagHigh = 0;
  #tagLow = 0;
  #rows = 0;
  readonly #isAsked: boolean;
  /** Rows of a table that is not asked: only counted. */
  #unasked = 0;
  readonly #hasTag = (handle: Handle): boolean =>
    this.#tags.tagLow(handle) === this.#tagLow && this.#tags.tagHigh(handle) === this.#tagHigh;
  readonly #fillsText = (handle: Handle): boolean => this.#tags.tagLow(handle) === this.#tagLow && ++this.#rows === rowsOfTextMax;

  /** `isAsked` false: it is asked for nothing but how many there are. */
  constructor(tags: TagColumns, { isAsked = true }: { readonly isAsked?: boolean } = {}) {
    this.#tags = tags;
    this.#isAsked = isAsked;
  }

  add(handle: Handle): void {
    if (!this.#isAsked) {
      this.#unasked++;
      return;
    }
    const tagLow = this.#tags.tagLow(handle);
    const crowd = this.#crowded.size === 0 ? undefined : this.#crowded.get(tagLow);
    if (crowd === undefined && !this.#isCrowd(tagLow)) {
      this.#byText.add(tagLow, handle);
    } else {
      this.#byKey.add(this.#tags.tagHigh(handle), handle);
      this.#crowded.set(tagLow, (crowd ?? 0) + 1);
    }
  }

  get size(): number {
    return this.#byText.size + this.#byKey.size + this.#unasked;
  }

  /** So many will come. */
  expect(size: number): void {
    this.#byText.expect(size);
  }

  /** The row still has the tags under which it was added. */
  remove(handle: Handle): void {
    if (!this.#isAsked) {
      this.#unasked--;
      return;
    }
    const tagLow = this.#tags.tagLow(handle);
    if (this.#byText.remove(tagLow, handle)) return;
    if (!this.#byKey.remove(this.#tags.tagHigh(handle), handle)) return;
    const crowd = this.#crowded.get(tagLow)! - 1;
    if (crowd === 0) this.#crowded.delete(tagLow);
    else this.#crowded.set(tagLow, crowd);
  }

  /** Whether any row has this tag. */
  has({ tagHigh, tagLow }: { readonly tagHigh: number; readonly tagLow: number }): boolean {
    this.#expectAsked();
    if (this.size === 0) return false;
    this.#tagHigh = tagHigh;
    this.#tagLow = tagLow;
    if (this.#byText.find(tagLow, this.#hasTag) !== null) return true;
    return this.#crowded.size > 0 && this.#crowded.has(tagLow) && this.#byKey.find(tagHigh, this.#hasTag) !== null;
  }

  /** Rows with this tag. A tag is a hash: the texts decide. */
  tagged({ tagHigh, tagLow }: { readonly tagHigh: number; readonly tagLow: number }): Handle[] {
    this.#expectAsked();
    const found = this.#rowsOfText(tagLow).filter((handle) => this.#tags.tagHigh(handle) === tagHigh);
    if (this.#crowded.size === 0 || !this.#crowded.has(tagLow)) return found;
    this.#byKey.find(tagHigh, (handle) => {
      if (this.#tags.tagHigh(handle) === tagHigh && this.#tags.tagLow(handle) === tagLow) found.push(handle);
      return false;
    });
    return found;
  }

  /** Rows with this text in their key; null when the text is crowded. */
  withText(tagLow: number): Handle[] | null {
    this.#expectAsked();
    return this.#crowded.has(tagLow) ? null : this.#rowsOfText(tagLow);
  }

  #expectAsked(): void {
    invariant(this.#isAsked, () => 'a table of keys that only counts is asked for one');
  }

  #isCrowd(tagLow: number): boolean {
    this.#tagLow = tagLow;
    this.#rows = 0;
    return this.#byText.find(tagLow, this.#fillsText) !== null;
  }

  #rowsOfText(tagLow: number): Handle[] {
    const found: Handle[] = [];
    this.#byText.find(tagLow, (handle) => {
      if (this.#tags.tagLow(handle) === tagLow) found.push(handle);
      return false;
    });
    return found;
  }
}
