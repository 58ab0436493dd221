/**
 * Finished events: where the final record of an id, or of a key, is, what filters ask, and how many there are.
 *
 * Finished events leave the columns at once. There is a page for each segment of the log, in their order:
 *
 *     indexed     its finals are found through the index of the segment; here only its filter and what is counted
 *     open        (sealed or not) its finals stand here, 79 bytes each, until an index knows them
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
import { type LabelHashes, type Tally, tallyPlace } from '../event/label-filter.js';
import { type DeliveryType, deliveryTypes } from '../event/spec.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import type { Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { segmentLabelPairsMax } from '../kernel/limits.js';
import type { SegmentFilter } from '../log/index/segment-filter.js';
import { FinishedPage } from './finished-page.js';
import { type LabelOutline, type LabelPair, LabelSums } from './label-sums.js';
import type { ListedRows } from './row-filter.js';

/** What is counted by: the states, then the delivery types. */
const kinds = eventStatuses.length + deliveryTypes.length;
export type FinishedCounts = Int32Array;
interface Counted extends LabelPair {
  readonly status: EventStatus;
  readonly deliveryType: DeliveryType;
}
/** The same, state and delivery type as places in their lists. */
interface CountedRow extends LabelPair {
  readonly status: number;
  readonly deliveryType: number;
}

/** As for `PartitionState`. */
interface Use {
  readonly isAsked: boolean;
}

/** One segment of the log. */
class Page {
  readonly first: Sequence;
  readonly counts: FinishedCounts = new Int32Array(kinds);
  /** The same by source and type. */
  readonly labels = new LabelSums(segmentLabelPairsMax);
  /** Null once its segment is indexed. */
  rows: FinishedPage | null;
  filter: SegmentFilter | null = null;
  /** Of its finals, as far as that has happened since memory was made. */
  superseded = 0;

  constructor(first: Sequence, use: Use) {
    this.first = first;
    this.rows = new FinishedPage(first, use);
  }

  count(row: CountedRow, by: 1 | -1): void {
    const { status, deliveryType } = row;
    this.counts[status]! += by;
    this.counts[eventStatuses.length + deliveryType]! += by;
    const place = tallyPlace(status, deliveryType);
    if (by === 1) this.labels.add(row, place);
    else this.labels.remove(row, place);
  }
}

/** A page as a snapshot keeps it. */
export interface PageOutline {
  readonly first: Sequence;
  readonly counts: readonly number[];
  readonly labels: LabelOutline;
}

export class FinishedEvents {
  readonly #use: Use;
  /** Oldest first; the last one takes what finishes. */
  #pages: Page[];

  constructor(use: Use = { isAsked: true }) {
    this.#use = use;
    this.#pages = [new Page(1 as Sequence, use)];
  }

  /** Of segments without an index, oldest first. One that is dropped later can still be read by who holds it. */
  get pages(): readonly FinishedPage[] {
    return this.#pages.flatMap(({ rows }) => rows ?? []);
  }

  /** Where the segments open whose finals are found through their index. */
  get indexedSegments(): Sequence[] {
    return this.#pages.filter(({ rows }) => rows === null).map(({ first }) => first);
  }

  /** Where the oldest segment opens that has no index: one that is there always. */
  get unindexedFrom(): Sequence {
    return this.#pages.find(({ rows }) => rows !== null)!.first;
  }

  /** Rows that no index knows yet, and empty places between them. */
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

  /** Every finished event is in the sums by source and type. */
  get isSummed(): boolean {
    return this.#pages.every(({ labels }) => labels.isWhole);
  }

  /** Those of these labels, of all pages. */
  addTo(tally: Tally, of: LabelHashes): void {
    for (const { labels } of this.#pages) labels.addTo(tally, of);
  }

  /** Where the oldest segment opens. */
  get first(): Sequence {
    return this.#pages[0]!.first;
  }

  get outline(): readonly PageOutline[] {
    return this.#pages.map(({ first, counts, labels }) => ({ first, counts: [...counts], labels: labels.outline }));
  }

  /** The row at `at` of `rows` is that of an event that has just finished. */
  add(rows: ListedRows, at: number): void {
    const page = this.#pageOf(rows.newestSeq[at]! as Sequence);
    page.count(countedIn(rows, at), 1);
    page.rows?.add(rows, at);
  }

  /** The event whose final record is at `seq` is no longer finished there: it was put back, or stands in a newer record. */
  supersede(seq: Sequence, { id, status, deliveryType, source, type }: Counted & { readonly id: EventId }): void {
    // Of a segment that was removed nothing is counted any more.
    if (seq < this.first) return;
    const page = this.#pageOf(seq);
    page.superseded++;
    // Written out: spreading one object into another takes 2 us here, for each event of a bulk retry.
    page.count({ status: eventStatuses.indexOf(status), deliveryType: deliveryTypes.indexOf(deliveryType), source, type }, -1);
    page.rows?.remove(id, seq);
  }

  /** How many final records before `next`, where a segment opens, have been superseded since memory was made. */
  supersededBefore(next: Sequence): number {
    let sum = 0;
    for (const { first, superseded } of this.#pages) if (first < next) sum += superseded;
    return sum;
  }

  /** A segment opens with `first`: finals from there on belong to it. To be told twice does no harm. */
  openPage(first: Sequence): void {
    const before = this.#pageOf(first);
    if (before.first >= first) return;
    const page = new Page(first, this.#use);
    this.#pages.splice(this.#pages.indexOf(before) + 1, 0, page);
    before.rows?.moveBehind(first, page.rows!, (rows, at) => {
      const counted = countedIn(rows, at);
      before.count(counted, -1);
      page.count(counted, 1);
    });
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

  /** Of an event whose final record is at `seq`; null: an index knows that. */
  versionAt(seq: Sequence, id: EventId): number | null {
    return this.#pageOf(seq).rows?.versionAt(seq, id) ?? null;
  }

  /** Whether any event with this tag has finished that no index knows. */
  hasTag(tag: { readonly tagHigh: number; readonly tagLow: number }): boolean {
    for (let page = this.#pages.length - 1; page >= 0; page--) if (this.#pages[page]!.rows?.hasTag(tag)) return true;
    return false;
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
    this.#pages = pages.map(({ first, counts, labels }) => {
      const page = new Page(first, this.#use);
      page.counts.set(counts);
      page.labels.restore(labels);
      return page;
    });
  }

  /** Rows of a snapshot, counted there already; of the page that opens with `first`. */
  restore(first: Sequence, rows: Uint8Array): void {
    const page = this.#pageOf(first);
    // Its segment may have been removed since.
    if (page.first === first) page.rows?.scatter(rows);
  }

  /** Mostly the last one. */
  #pageOf(seq: Sequence): Page {
    let at = this.#pages.length - 1;
    while (at > 0 && this.#pages[at]!.first > seq) at--;
    return this.#pages[at]!;
  }
}

function countedIn({ status, deliveryType, source, type }: ListedRows, at: number): CountedRow {
  return { status: status[at]!, deliveryType: deliveryType[at]!, source: source[at]!, type: type[at]! };
}
