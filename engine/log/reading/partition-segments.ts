/**
 * The segments of one partition for reading: which are there, which have an index, and which holds a sequence.
 *
 * A segment ends where the next one begins, whatever else is in its file (`partition-log.ts` tells why). A sequence that is
 * not where it should be makes this look at the directory once more, because the word of a new segment may still be on its
 * way while the asker has already heard of its records.
 *
 * Owned by the reader's thread.
 */
import type { LogRecord, StoredRecord } from '../../event/record.js';
import { noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import type { ListSort } from '../../event/event-list.js';
import type { EventId } from '../../kernel/event-id.js';
import { DamageError } from '../damage.js';
import type { HandleCache } from './handle-cache.js';
import { readBeginning } from '../segment/log-beginning.js';
import { type LogPosition, logStart } from '../segment/mark.js';
import type { SegmentOutline } from '../protocol.js';
import { type FilterWords, SegmentFilter } from '../index/segment-filter.js';
import type { ListedEnds, SequenceSpan } from '../index/listed-finals.js';
import { type IndexName, listIndexes, listSegments, partitionDir, type SegmentName } from '../segment/segment-files.js';
import { isIntact, SegmentIndex } from '../index/segment-index.js';
import { SegmentReader } from '../segment/segment-reader.js';
import { storageFaultOf } from '../sqlite.js';

export interface SealedSegment {
  readonly name: SegmentName;
  readonly next: Sequence;
}

export interface IndexSearch {
  readonly mayAnswer: (filter: SegmentFilter) => boolean;
  ask(index: SegmentIndex): 'enough' | 'more';
}

export interface PartitionSegmentsParts {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly readers: HandleCache<SegmentReader>;
  readonly indexes: HandleCache<SegmentIndex>;
}

export class PartitionSegments {
  readonly partition: PartitionId;
  readonly dir: string;
  readonly #readers: HandleCache<SegmentReader>;
  readonly #indexes: HandleCache<SegmentIndex>;
  /** What is before was removed. */
  #first = 1 as Sequence;
  #names: readonly SegmentName[] = [];
  /** By first sequence; verified when they were found. */
  readonly #indexOf = new Map<Sequence, IndexName>();
  /** By the path of an index, which never changes. */
  readonly #listedEnds = new Map<string, Readonly<Record<ListSort, ListedEnds>>>();
  /** The same. */
  readonly #filters = new Map<string, SegmentFilter>();
  /** The same: which finals of older segments do not count any more. */
  readonly #superseded = new Map<string, SequenceSpan | null>();

  constructor({ dataDir, partition, readers, indexes }: PartitionSegmentsParts) {
    this.partition = partition;
    this.dir = partitionDir(dataDir, partition);
    this.#readers = readers;
    this.#indexes = indexes;
    this.refresh();
  }

  /** Oldest first. */
  get names(): readonly SegmentName[] {
    return this.#names;
  }

  /** The oldest sequence that is there. */
  get first(): Sequence {
    return this.#first;
  }

  /** The segment that takes the appends. */
  get open(): SegmentName | null {
    return this.#names.at(-1) ?? null;
  }

  /** Final records before this are found through indexes: every segment before the one that begins here has one. */
  get indexedBefore(): Sequence {
    return this.sealed().find(({ name }) => !this.hasIndex(name.first))?.name.first ?? this.open?.first ?? noSequence;
  }

  sealed(): SealedSegment[] {
    return this.#names.slice(0, -1).map((name, place) => ({ name, next: this.#names[place + 1]!.first }));
  }

  hasIndex(first: Sequence): boolean {
    return this.#indexOf.has(first);
  }

  /** Look at the directory again. Throws DamageError when it cannot be told where the log begins. */
  refresh(): void {
    this.#first = readBeginning(this.dir);
    const names = listSegments(this.dir).filter(({ first }) => first >= this.#first);
    for (const { path } of this.#names) {
      if (!names.some((name) => name.path === path)) this.#readers.drop(path);
    }
    this.#names = names;
    for (const [first, { path }] of this.#indexOf) {
      if (first >= this.#first) continue;
      this.#indexes.drop(path);
      this.#indexOf.delete(first);
      this.#filters.delete(path);
      this.#superseded.delete(path);
      this.#listedEnds.delete(path);
    }
  }

  /** Take in the indexes that are there and intact. What is not counts as missing, to be built again. */
  findIndexes(): void {
    for (const index of listIndexes(this.dir)) {
      if (this.#indexOf.get(index.first)?.path === index.path || !isIntact(index)) continue;
      this.#indexOf.set(index.first, index);
    }
  }

  /** Close what is open of a segment, so that others may have its file alone. */
  release({ path }: SegmentName): void {
    this.#readers.drop(path);
  }

  readerOf(name: SegmentName): SegmentReader {
    return this.#readers.get(name.path, () => new SegmentReader(name));
  }

  /** The record at `seq`, verified. Throws DamageError when it is damaged or missing. */
  record(seq: Sequence): StoredRecord {
    this.#refuseGone(seq);
    try {
      const record = this.#recordIfThere(seq);
      if (record !== null) return record;
    } catch (error) {
      // Another thread may have removed the segment since we looked; if not, the next read says the same.
      if (storageFaultOf(error) === null) throw error;
    }
    this.refresh();
    this.#refuseGone(seq);
    const found = this.#recordIfThere(seq);
    if (found === null)
      throw new DamageError('damaged', `partition ${this.partition}: the record with sequence ${seq} is missing`);
    return found;
  }

  /** Of the first of `seqs`, which rise, those of one segment that are sound. */
  recordsAt(seqs: readonly Sequence[]): LogRecord[] {
    const at = this.#names.findLastIndex((name) => name.first <= seqs[0]!);
    if (at < 0) return [];
    const next = this.#names[at + 1]?.first;
    const end = next === undefined ? -1 : seqs.findIndex((seq) => seq >= next);
    return this.readerOf(this.#names[at]!).recordsAt(end < 0 ? seqs : seqs.slice(0, end));
  }

  /** Whether what `record` threw will be thrown again: a record that is damaged or contradicts another. */
  isDamage(error: unknown): boolean {
    return error instanceof InvariantError;
  }

  /** Where the log begins: before its first record. */
  get beginning(): LogPosition {
    const [oldest] = this.#names;
    // A first segment that is missing is noticed by the replay, whose first step is from here to it.
    const chain = oldest?.first === this.#first ? this.readerOf(oldest).header.chainBefore : logStart.chain;
    return { seq: (this.#first - 1) as Sequence, chain };
  }

  /** The chain value stored with a record; null when there is no such record (any more). Throws DamageError when it is damaged. */
  chainAt(seq: Sequence): number | null {
    const name = this.#names.findLast(({ first }) => first <= seq);
    if (name !== undefined) return this.readerOf(name).chainAt(seq);
    const { seq: before, chain } = this.beginning;
    return seq === before ? chain : null;
  }

  /** Of the index of the segment that opens with `first`: memory that threads share. */
  filterOf(first: Sequence): FilterWords | null {
    const index = this.#indexOf.get(first);
    return index === undefined ? null : this.#filterAt(index).words;
  }

  /** Whether the event of the final record at `seq` has finished once more in a later segment that has an index. */
  isSuperseded(seq: Sequence): boolean {
    for (let place = this.#names.length - 1; place >= 0 && this.#names[place]!.first > seq; place--) {
      const index = this.#indexOf.get(this.#names[place]!.first);
      const span = index === undefined ? null : this.#supersededSpanOf(index);
      if (span === null || seq < span.first || seq > span.last) continue;
      if (this.#indexAt(index!).listed.supersedes(seq)) return true;
    }
    return false;
  }

  #supersededSpanOf(index: IndexName): SequenceSpan | null {
    const known = this.#superseded.get(index.path);
    if (known !== undefined) return known;
    const span = this.#indexAt(index).listed.supersededSpan();
    this.#superseded.set(index.path, span);
    return span;
  }

  /** False: certainly no event with this text in its key has finished in the segment that opens with `first`, as its index says. */
  mayHaveText(first: Sequence, tagLow: number): boolean {
    const index = this.#indexOf.get(first);
    return index !== undefined && this.#filterAt(index).mayHaveText(tagLow);
  }

  /** Every segment, oldest first, with the filter of its index. */
  outline(): SegmentOutline[] {
    return this.#names.map(({ first }, place) => ({
      first,
      next: this.#names[place + 1]?.first ?? null,
      filter: this.filterOf(first),
    }));
  }

  #indexAt(index: IndexName): SegmentIndex {
    return this.#indexes.get(index.path, () => new SegmentIndex(index));
  }

  #filterAt(index: IndexName): SegmentFilter {
    const known = this.#filters.get(index.path);
    if (known !== undefined) return known;
    const filter = new SegmentFilter(this.#indexAt(index).filter());
    this.#filters.set(index.path, filter);
    return filter;
  }

  /** Events with a record in the segment that were not over at its end, in the order of their ids. Its index must be there. */
  notOver(first: Sequence, page: { readonly after: EventId; readonly limit: number }): EventId[] {
    const index = this.#indexOf.get(first);
    if (index === undefined) throw new DamageError('damaged', `the segment that opens with ${first} has no index`);
    return this.#indexAt(index).notOver(page);
  }

  /**
   * Ask the indexes, newest first, until `enough`; those only whose filter says that there may be an answer. More segments may be retained than
   * files can be open: an index that has to be opened for a "no" costs more than the answer.
   */
  searchIndexes({ mayAnswer, ask }: IndexSearch): void {
    for (const { name } of this.sealed().reverse()) {
      const index = this.#indexOf.get(name.first);
      if (index === undefined || !mayAnswer(this.#filterAt(index))) continue;
      if (ask(this.#indexAt(index)) === 'enough') return;
    }
  }

  /** What `ask` says to the index of the segment that opens with `first`; null when it has none. */
  withIndex<Answer>(first: Sequence, ask: (index: SegmentIndex) => Answer): Answer | null {
    const index = this.#indexOf.get(first);
    return index === undefined ? null : ask(this.#indexes.get(index.path, () => new SegmentIndex(index)));
  }

  /** Where the finished events of a segment begin and end in a list; null: there are none, or no index. */
  listedEnds(first: Sequence, sort: ListSort): ListedEnds {
    const path = this.#indexOf.get(first)?.path;
    if (path === undefined) return null;
    const known = this.#listedEnds.get(path);
    if (known !== undefined) return known[sort];
    const ends = this.withIndex(first, ({ listed }) => {
      return { created_at: listed.ends('created_at'), scheduled_at: listed.ends('scheduled_at') };
    })!;
    this.#listedEnds.set(path, ends);
    return ends[sort];
  }

  #refuseGone(seq: Sequence): void {
    if (seq >= this.#first) return;
    throw new DamageError('gone', `sequence ${seq} of partition ${this.partition} has outlived the retention`);
  }

  #recordIfThere(seq: Sequence): StoredRecord | null {
    const name = this.#names.findLast(({ first }) => first <= seq);
    return name === undefined ? null : this.readerOf(name).record(seq);
  }
}
