/**
 * The first so many rows of a list behind a place, out of any number that are offered in any order: a heap with the last of them
 * on top, so that most rows of a long scan are refused after one comparison.
 *
 * Rows are free to change while a scan goes on, so what is kept of one is a copy: its instant and its id.
 */
import {
  compareIds,
  createdAtMsOf,
  type ListCoverage,
  ListEntries,
  type ListPlace,
  type ListQuery,
  type ListSort,
} from '../event/event-list.js';
import { eventIdBytes } from '../kernel/event-id.js';
import type { ListedRows } from './row-filter.js';

export class TopRows {
  readonly #sort: ListSort;
  /** 1 ascending, -1 descending. */
  readonly #direction: 1 | -1;
  readonly #isNewestFirst: boolean;
  readonly #after: ListPlace | null;
  readonly #capacity: number;
  readonly #instants: Float64Array;
  readonly #ids: Uint8Array;
  #count = 0;
  /** Something was refused, or not even looked at. */
  #isOverfull = false;

  constructor({ sort, order, after, limit }: Omit<ListQuery, 'filter'>) {
    this.#sort = sort;
    this.#direction = order === 'asc' ? 1 : -1;
    this.#isNewestFirst = sort === 'created_at' && order === 'desc';
    this.#after = after;
    this.#capacity = limit;
    this.#instants = new Float64Array(limit);
    this.#ids = new Uint8Array(limit * eventIdBytes);
  }

  /** It has younger ones already. */
  passesOver(newestMs: number): boolean {
    if (!this.#isNewestFirst || this.#count < this.#capacity || newestMs >= this.#instants[0]!) return false;
    this.#isOverfull = true;
    return true;
  }

  take(rows: ListedRows, at: number): void {
    const idAt = at * eventIdBytes;
    const ms = this.#sort === 'created_at' ? createdAtMsOf(rows.id, idAt) : rows.scheduledAt[at]!;
    if (this.#after !== null && this.#comparePlaces(ms, rows.id, idAt, this.#after.ms, this.#after.id, 0) <= 0) return;
    if (this.#count < this.#capacity) {
      this.#put(this.#count, ms, rows.id, idAt);
      this.#rise(this.#count++);
      return;
    }
    this.#isOverfull = true;
    if (this.#comparePlaces(ms, rows.id, idAt, this.#instants[0]!, this.#ids, 0) >= 0) return;
    this.#put(0, ms, rows.id, idAt);
    this.#sink();
  }

  /** In no order. */
  get entries(): Uint8Array {
    const entries = new ListEntries(this.#count);
    for (let place = 0; place < this.#count; place++) {
      entries.add(this.#instants[place]!, this.#ids, place * eventIdBytes);
    }
    return entries.bytes;
  }

  /** Up to where nothing of what was offered is missing. */
  get coverage(): Exclude<ListCoverage, 'nothing'> {
    return this.#isOverfull ? { ms: this.#instants[0]!, id: this.#ids.slice(0, eventIdBytes) } : 'end';
  }

  #comparePlaces(ms: number, ids: Uint8Array, idAt: number, otherMs: number, otherIds: Uint8Array, otherAt: number): number {
    return this.#direction * (ms - otherMs || compareIds(ids, idAt, otherIds, otherAt));
  }

  #put(place: number, ms: number, ids: Uint8Array, idAt: number): void {
    this.#instants[place] = ms;
    for (let byte = 0; byte < eventIdBytes; byte++) this.#ids[place * eventIdBytes + byte] = ids[idAt + byte]!;
  }

  /** Whether the row in heap place `one` comes behind that in `other`. */
  #isBehind(one: number, other: number): boolean {
    const instants = this.#instants;
    const ids = this.#ids;
    return this.#comparePlaces(instants[one]!, ids, one * eventIdBytes, instants[other]!, ids, other * eventIdBytes) > 0;
  }

  #rise(from: number): void {
    for (let place = from; place > 0; ) {
      const above = (place - 1) >> 1;
      if (!this.#isBehind(place, above)) return;
      this.#swap(place, above);
      place = above;
    }
  }

  #sink(): void {
    for (let place = 0; ; ) {
      const left = 2 * place + 1;
      if (left >= this.#count) return;
      const right = left + 1;
      const later = right < this.#count && this.#isBehind(right, left) ? right : left;
      if (!this.#isBehind(later, place)) return;
      this.#swap(place, later);
      place = later;
    }
  }

  #swap(one: number, other: number): void {
    const ms = this.#instants[one]!;
    this.#instants[one] = this.#instants[other]!;
    this.#instants[other] = ms;
    const [oneAt, otherAt] = [one * eventIdBytes, other * eventIdBytes];
    for (let byte = 0; byte < eventIdBytes; byte++) {
      const kept = this.#ids[oneAt + byte]!;
      this.#ids[oneAt + byte] = this.#ids[otherAt + byte]!;
      this.#ids[otherAt + byte] = kept;
    }
  }
}
