/**
 * The finished events of a partition that match a filter and can be retried, to be put back.
 *
 * A retry writes the whole spec anew, so the reader lays out the records, many with one message, and leaves out what does not match
 * (`log/retry-sheaf.ts`). First those events that no index knows yet: memory knows all of them but their specs. Then those of the
 * indexes, a page at a time in the order of the log: the reader names them, and of those that are not pending again the specs are
 * fetched, so that a call that goes on where another one ended does not read all that was put back before it. What finishes again while
 * the walk goes on is another call's.
 */
import type { EventFilter } from '../../event/event-filter.js';
import { eventStatuses } from '../../event/status.js';
import type { Sequence, WallMs } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import { bulkBatchEvents } from '../../kernel/limits.js';
import { countOfKnown, KnownFinals, knownFrom, newestSpecOf, wantedOf } from '../../log/index/known-finals.js';
import type { ReaderReply, RetriablePlace } from '../../log/protocol.js';
import { RecordCursor } from '../../log/record-batch.js';
import { retriableStatuses } from '../../log/index/retriable-finals.js';
import { mayBePutBack, retryInPlace } from '../../partition/decide-retry.js';
import { MemoryScan } from '../../partition/memory-scan.js';
import { bodySeqAt, type ListedRows, versionAt } from '../../partition/row-filter.js';
import type { BulkWalk, Settled, WalkParts } from './bulk-walk.js';
import type { Ask } from '../reads.js';

export class RetryWalk implements BulkWalk {
  readonly #filter: EventFilter;
  readonly #scheduledAtMs: WallMs;
  readonly #parts: WalkParts;
  readonly #scan: MemoryScan;
  /** Segments from here on had no index when it began. */
  readonly #unindexedFrom: Sequence;
  #isScanned = false;
  /** Met in memory, and the reader has not been asked about them. */
  readonly #known: KnownFinals[] = [new KnownFinals(bulkBatchEvents)];
  /** How far the indexes have been read; null: from the beginning. */
  #after: RetriablePlace | null = null;
  #isIndexRead = false;
  #isReadingIndex = false;
  /** Of the page that was read last, those that the reader has not been asked about. */
  #indexed: Uint8Array = new Uint8Array(0);
  /** To be settled: the first of them stands before the next one. */
  readonly #sheaves: RecordCursor[] = [];
  #ready = 0;
  #asked = 0;

  constructor({ filter, scheduledAtMs }: { readonly filter: EventFilter; readonly scheduledAtMs: WallMs }, parts: WalkParts) {
    const status = retriableStatuses.filter((each) => filter.status === null || filter.status.includes(each));
    this.#filter = { ...filter, status };
    this.#scheduledAtMs = scheduledAtMs;
    this.#parts = parts;
    this.#unindexedFrom = parts.memory.state.finished.unindexedFrom;
    const taker = { take: (rows: ListedRows, at: number) => this.#met(rows, at) };
    this.#scan = new MemoryScan({ state: parts.memory.state, filter: this.#filter, taker });
    // Nothing that is asked for can be retried.
    if (status.length === 0) this.#isScanned = this.#isIndexRead = true;
  }

  get ready(): number {
    return this.#ready;
  }
  get asked(): number {
    return this.#asked;
  }
  get isOver(): boolean {
    return this.#isScanned && this.#isIndexRead && !this.#hasNamed;
  }
  /** All that is left may be in the indexes, and a page of them on its way. */
  get canWalkOn(): boolean {
    return !this.isOver && !(this.#isScanned && this.#isReadingIndex && !this.#hasNamed);
  }

  /** The reader has not been asked about some. */
  get #hasNamed(): boolean {
    return this.#hasKnown || this.#indexed.length > 0;
  }

  get #hasKnown(): boolean {
    return this.#known[0]!.count > 0;
  }

  walkOn(): void {
    if (this.#known[0]!.isFull || (this.#isScanned && this.#hasKnown)) this.#askAboutKnown();
    else if (!this.#isScanned) this.#isScanned = this.#scan.step();
    else if (this.#indexed.length > 0) this.#askAboutIndexed();
    else this.#readIndex();
  }

  settle({ count, mayChange }: { readonly count: number; readonly mayChange: number }): Settled {
    const { memory, shared, putBack } = this.#parts;
    const now = shared.ports.clock.wallMs();
    let changed = 0;
    let hasMore = false;
    for (let left = count; left > 0 && this.#ready > 0 && !hasMore; left--) {
      const cursor = this.#nextRetry();
      if (!mayBePutBack(memory.state, cursor)) continue;
      hasMore = changed === mayChange || this.#mayHaveEndedAgain(cursor);
      if (hasMore) break;
      retryInPlace(memory.state, cursor, { scheduledAtMs: this.#scheduledAtMs, now });
      putBack.write(cursor);
      changed++;
    }
    putBack.endRun();
    return { changed, left: 0, hasMore };
  }

  /**
   * Whether the event may have been put back by others and have ended in a segment that has got its index since: memory says nothing of it any
   * more, and the reader had said what it did before. Another call finds out.
   */
  #mayHaveEndedAgain({ event, prev }: RecordCursor): boolean {
    return this.#parts.memory.state.finished.mayBeIndexedSince(Math.max(this.#unindexedFrom, prev + 1) as Sequence, event);
  }

  #nextRetry(): RecordCursor {
    this.#ready--;
    while (!this.#sheaves[0]!.next()) this.#sheaves.shift();
    return this.#sheaves[0]!;
  }

  #met(rows: ListedRows, at: number): void {
    const { id, newestSeq, status, attempts } = rows;
    if (this.#known.at(-1)!.isFull) this.#known.push(new KnownFinals(bulkBatchEvents));
    this.#known.at(-1)!.add({
      ids: id,
      idAt: at * eventIdBytes,
      newest: newestSeq[at]! as Sequence,
      status: eventStatuses[status[at]!]!,
      version: versionAt(rows, at),
      attempts: attempts[at]!,
      bodySeq: bodySeqAt(rows, at),
    });
  }

  /** The first of them that were met. */
  #askAboutKnown(): void {
    const known = this.#known[0]!.take();
    if (this.#known.length > 1) this.#known.shift();
    this.#askAbout(known);
  }

  /** Answered for the first of them, as many as are good for one message. */
  #askAbout(known: Uint8Array): void {
    const { memory, ledger } = this.#parts;
    const { partition } = memory.state;
    this.#asked++;
    ledger.whenReadable(newestSpecOf(known), () => {
      this.#asked--;
      this.#ask({ op: 'retries', partition, known, filter: this.#filter }, (reply) => {
        if (reply.op !== 'retries') throw new InvariantError(`expected retries, found ${reply.op}`);
        this.#take(reply.sheaf);
        if (reply.looked < countOfKnown(known)) this.#askAbout(knownFrom(known, reply.looked));
      });
    });
  }

  /** What an index knows has been durable for long. */
  #readIndex(): void {
    const { partition } = this.#parts.memory.state;
    this.#isReadingIndex = true;
    this.#ask({ op: 'indexed-finals', partition, filter: this.#filter, after: this.#after }, (reply) => {
      if (reply.op !== 'indexed-finals') throw new InvariantError(`expected finals, found ${reply.op}`);
      this.#isReadingIndex = false;
      if (reply.until === 'end') this.#isIndexRead = true;
      else this.#after = reply.until;
      const { state } = this.#parts.memory;
      this.#indexed = wantedOf(reply.known, (id) => state.handleOf(id) === null);
    });
  }

  #askAboutIndexed(): void {
    // Copied: the rest of the page would go with each message.
    this.#askAbout(knownFrom(this.#indexed, 0, bulkBatchEvents).slice());
    this.#indexed = knownFrom(this.#indexed, bulkBatchEvents);
  }

  #ask(question: Ask, take: (reply: ReaderReply) => void): void {
    const { memory, shared, heard, failed } = this.#parts;
    this.#asked++;
    shared.reads.ask(question, (reply) => {
      if (memory.isDiscarded) return;
      this.#asked--;
      if (reply.op === 'failed') failed(reply);
      else {
        take(reply);
        heard();
      }
    });
  }

  #take(sheaf: Uint8Array): void {
    const cursor = new RecordCursor(sheaf);
    if (cursor.count === 0) return;
    this.#sheaves.push(cursor);
    this.#ready += cursor.count;
  }
}
