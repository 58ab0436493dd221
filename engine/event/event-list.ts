/**
 * A list as partitions are asked for it, and their answers.
 *
 * A list is sorted by one instant of its events, then by their ids, so that every event has one *place* in it and a page can go
 * on behind a place although events come and go. A partition answers with the places of the events that it has behind
 * `after`, and how far it has looked; whoever has asked all partitions knows what comes first of all.
 */
import { type EventId, eventIdBytes } from '../kernel/event-id.js';
import type { EventFilter } from './event-filter.js';
import type { EventSpec } from './spec.js';

export const listSorts = ['created_at', 'scheduled_at'] as const;
export type ListSort = (typeof listSorts)[number];
export const listOrders = ['asc', 'desc'] as const;
export type ListOrder = (typeof listOrders)[number];

export interface ListPlace {
  /** Of the instant by which the list is sorted. */
  readonly ms: number;
  readonly id: EventId;
}

export interface ListQuery {
  readonly filter: EventFilter;
  readonly sort: ListSort;
  readonly order: ListOrder;
  /** Null: from the beginning. */
  readonly after: ListPlace | null;
  /** Events at most. */
  readonly limit: number;
}

/** The same up to a place, which belongs to it; null: to the end. */
export interface ListSpan extends ListQuery {
  readonly until: ListPlace | null;
}

/** How far one partition has looked. `nothing`: its time was over before anything is certain; `end`: everything is in the answer. */
export type ListCoverage = ListPlace | 'nothing' | 'end';

export function placeOf(sort: ListSort, { id, spec }: { readonly id: EventId; readonly spec: EventSpec }): ListPlace {
  return { ms: sort === 'created_at' ? createdAtMsOf(id, 0) : spec.scheduledAtMs, id };
}

/** An event is as old as its id says: the first 48 bits of it, which begin at `start`. */
export function createdAtMsOf(bytes: Uint8Array, start: number): number {
  const high = bytes[start]! * 0x1000000 + ((bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!);
  return high * 0x10000 + ((bytes[start + 4]! << 8) | bytes[start + 5]!);
}

/** The one of these that comes first in the order of the list: up to there all of them have looked. */
export function nearest<Coverage extends ListCoverage>(
  { order }: Pick<ListQuery, 'order'>,
  coverages: readonly Coverage[],
): Coverage | 'end' {
  let near: Coverage | 'end' = 'end';
  for (const coverage of coverages) {
    if (coverage === 'nothing') return coverage;
    if (coverage === 'end') continue;
    if (near === 'end' || comparePlaces(coverage as ListPlace, near as ListPlace) * (order === 'asc' ? 1 : -1) < 0)
      near = coverage;
  }
  return near;
}

/** Negative: `one` comes first in ascending order. */
export function comparePlaces(one: ListPlace, other: ListPlace): number {
  return one.ms - other.ms || compareIds(one.id, 0, other.id, 0);
}

export function compareIds(one: Uint8Array, oneAt: number, other: Uint8Array, otherAt: number): number {
  for (let at = 0; at < eventIdBytes; at++) {
    const difference = one[oneAt + at]! - other[otherAt + at]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Places as bytes: an object for each of ten thousand would hold up its thread for 10 ms when it is sent. */
export const entryBytes = 8 + eventIdBytes;

export class ListEntries {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #count = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity * entryBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The id begins at `idAt` of `ids`. */
  add(ms: number, ids: Uint8Array, idAt = 0): void {
    const at = this.#count++ * entryBytes;
    this.#view.setFloat64(at, ms);
    for (let byte = 0; byte < eventIdBytes; byte++) this.#bytes[at + 8 + byte] = ids[idAt + byte]!;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#count * entryBytes);
  }
}

export function readEntries(bytes: Uint8Array): ListPlace[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: ListPlace[] = [];
  for (let at = 0; at < bytes.length; at += entryBytes) {
    entries.push({ ms: view.getFloat64(at), id: bytes.subarray(at + 8, at + entryBytes) });
  }
  return entries;
}
