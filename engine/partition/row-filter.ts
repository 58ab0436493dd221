/**
 * A filter over rows of numbers: of pending events and of finished ones that no index knows yet.
 *
 * Made once for a scan, asked for every row: 1,000,000 rows take 3 to 10 ms (`docs/internals/performance/`). A row that
 * passes matches for certain when the filter asks for no text, else probably (`labels.ts`).
 */
import { tagOfText } from '../event/content.js';
import type { EventFilter, Span } from '../event/event-filter.js';
import { createdAtMsOf } from '../event/event-list.js';
import { hashOfLabel, signatureOf } from '../event/labels.js';
import { deliveryTypes } from '../event/spec.js';
import { eventStatuses } from '../event/status.js';
import type { Sequence } from '../kernel/brand.js';
import { eventIdBytes } from '../kernel/event-id.js';

/** Parallel columns, as `EventColumns` and `FinishedPage` keep them. */
export interface ListedRows {
  readonly id: Uint8Array;
  /** 0: the row is free. */
  readonly newestSeq: Float64Array;
  readonly scheduledAt: Float64Array;
  readonly tagHigh: Uint32Array;
  readonly tagLow: Uint32Array;
  readonly source: Uint32Array;
  readonly type: Uint32Array;
  readonly destination: Uint32Array;
  readonly signatureHigh: Uint32Array;
  readonly signatureLow: Uint32Array;
  readonly status: Uint8Array;
  readonly priority: Uint8Array;
  readonly deliveryType: Uint8Array;
  /** Its version less the first. */
  readonly changes: Uint32Array;
  readonly attempts: Uint32Array;
  /** By how much the body's sequence is below the newest one. */
  readonly bodyBehind: Float64Array;
}

export function bodySeqAt({ newestSeq, bodyBehind }: Pick<ListedRows, 'newestSeq' | 'bodyBehind'>, at: number): Sequence {
  return (newestSeq[at]! - bodyBehind[at]!) as Sequence;
}

export function versionAt({ changes }: Pick<ListedRows, 'changes'>, at: number): number {
  return changes[at]! + firstVersion;
}

/** Rows that lie together: from `at` up to `end`. */
export interface RowSpan {
  readonly rows: ListedRows;
  readonly at: number;
  readonly end: number;
}

export const firstVersion = 1;
const anyBits = 0xffffffff;

interface Signature {
  readonly high: number;
  readonly low: number;
}

export class RowFilter {
  readonly #statuses: number;
  /** Than for a state. */
  readonly #asksForMore: boolean;
  readonly #priorities: number;
  readonly #deliveryTypes: number;
  readonly #sources: readonly number[] | null;
  readonly #types: readonly number[] | null;
  readonly #destinations: readonly number[] | null;
  /** One of each list must be there. */
  readonly #signatures: readonly (readonly Signature[])[];
  readonly #scheduled: Span | null;
  readonly #created: Span | null;
  readonly #text: number | null;
  /** The text that fewest events are likely to share: of most rows nothing else is looked at. */
  readonly #lead: { readonly column: 'tagLow' | 'destination' | 'type' | 'source'; readonly hashes: readonly number[] } | null;

  constructor(filter: EventFilter) {
    this.#statuses = bitsOf(filter.status?.map((status) => eventStatuses.indexOf(status)));
    this.#priorities = bitsOf(filter.priority);
    this.#deliveryTypes = bitsOf(filter.deliveryType?.map((type) => deliveryTypes.indexOf(type)));
    this.#sources = filter.source?.map(hashOfLabel) ?? null;
    this.#types = filter.type?.map(hashOfLabel) ?? null;
    this.#destinations = filter.destination?.map(hashOfLabel) ?? null;
    this.#signatures = filter.tags.map(({ name, values }) => values.map((value) => signatureOf(name, value)));
    this.#scheduled = filter.scheduled;
    this.#created = filter.created;
    this.#text = filter.externalJobId === null ? null : tagOfText({ kind: 'external', text: filter.externalJobId });
    const { status: _, tags, ...more } = filter;
    this.#asksForMore = tags.length > 0 || Object.values(more).some((asked) => asked !== null);
    const leads = [
      { column: 'tagLow', hashes: this.#text === null ? null : [this.#text] },
      { column: 'destination', hashes: this.#destinations },
      { column: 'type', hashes: this.#types },
      { column: 'source', hashes: this.#sources },
    ] as const;
    const lead = leads.find(({ hashes }) => hashes !== null);
    this.#lead = lead === undefined ? null : { column: lead.column, hashes: lead.hashes! };
  }

  /** The first row from `at` on that passes; `end` when none does before it. */
  next(rows: ListedRows, from: number, end: number): number {
    let at = from;
    if (this.#lead === null) {
      while (at < end && !this.matches(rows, at)) at++;
      return at;
    }
    const column = rows[this.#lead.column];
    const { hashes } = this.#lead;
    const [first] = hashes;
    for (; at < end; at++) {
      const value = column[at]!;
      if ((value === first || (hashes.length > 1 && hashes.includes(value))) && this.matches(rows, at)) return at;
    }
    return end;
  }

  matches(rows: ListedRows, at: number): boolean {
    if (rows.newestSeq[at] === 0) return false;
    if ((this.#statuses & (1 << rows.status[at]!)) === 0) return false;
    return !this.#asksForMore || this.#matchesMore(rows, at);
  }

  #matchesMore(rows: ListedRows, at: number): boolean {
    if (this.#sources !== null && !this.#sources.includes(rows.source[at]!)) return false;
    if (this.#types !== null && !this.#types.includes(rows.type[at]!)) return false;
    if ((this.#priorities & (1 << rows.priority[at]!)) === 0) return false;
    if ((this.#deliveryTypes & (1 << rows.deliveryType[at]!)) === 0) return false;
    if (this.#destinations !== null && !this.#destinations.includes(rows.destination[at]!)) return false;
    if (this.#text !== null && this.#text !== rows.tagLow[at]) return false;
    if (this.#scheduled !== null && !isWithin(this.#scheduled, rows.scheduledAt[at]!)) return false;
    if (this.#created !== null && !isWithin(this.#created, createdAtMsOf(rows.id, at * eventIdBytes))) return false;
    return this.#signatures.length === 0 || this.#hasTags(rows.signatureHigh[at]!, rows.signatureLow[at]!);
  }

  #hasTags(high: number, low: number): boolean {
    for (const signatures of this.#signatures) {
      if (!signatures.some((wanted) => hasBits(high, wanted.high) && hasBits(low, wanted.low))) return false;
    }
    return true;
  }
}

function bitsOf(numbers: readonly number[] | null | undefined): number {
  if (numbers === null || numbers === undefined) return anyBits;
  let bits = 0;
  for (const number of numbers) bits |= 1 << number;
  return bits;
}

function hasBits(bits: number, wanted: number): boolean {
  return (bits & wanted) >>> 0 === wanted;
}

function isWithin({ fromMs, toMs }: Span, ms: number): boolean {
  return ms >= fromMs && ms <= toMs;
}
