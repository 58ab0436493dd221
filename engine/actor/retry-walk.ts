/**
 * The finished events of a partition that match a filter and can be retried, to be put back.
 *
 * A retry writes the whole spec anew, so the reader fetches the specs, many with one message, and leaves out what does not
 * match. First those events that no index knows yet: memory knows all of them but their specs, which come in the order of the
 * log. Then the indexes, in the order of ids; how these events ended has to be read as well. What finishes again while the walk goes
 * on is another call's.
 */
import type { EventFilter } from '../event/event-filter.js';
import { type ListPlace, readEntries } from '../event/event-list.js';
import { TextFilter } from '../event/spec-texts.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import type { Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { type EventId, eventIdBytes } from '../kernel/event-id.js';
import { bulkBatchEvents } from '../kernel/limits.js';
import { decodeMessages } from '../kernel/message-codec.js';
import type { ReaderReply, StoredFacts } from '../log/protocol.js';
import type { RetryTimes } from '../partition/command.js';
import { decideRetryOfMany, type FinishedEvent } from '../partition/decide-retry.js';
import { MemoryScan } from '../partition/memory-scan.js';
import type { ListedRows } from '../partition/row-filter.js';
import type { Ask } from './reads.js';
import type { BulkWalk, Settled, WalkParts } from './bulk-walk.js';

const retriable: readonly EventStatus[] = ['DEAD', 'CANCELLED', 'EXPIRED'];

/** All that memory knows of an event. */
interface Remembered extends Omit<FinishedEvent, 'spec'> {
  readonly bodySeq: Sequence;
}

export class RetryWalk implements BulkWalk {
  readonly #filter: EventFilter;
  readonly #texts: TextFilter;
  readonly #times: RetryTimes;
  readonly #parts: WalkParts;
  readonly #scan: MemoryScan;
  #isScanned = false;
  #remembered: Remembered[] = [];
  /** How far the indexes have been read; null: from the beginning. */
  #after: ListPlace | null = null;
  #isIndexRead = false;
  #isReadingIndex = false;
  #indexed: EventId[] = [];
  #ready: FinishedEvent[] = [];
  #next = 0;
  #asked = 0;

  constructor({ filter, times }: { readonly filter: EventFilter; readonly times: RetryTimes }, parts: WalkParts) {
    const status = retriable.filter((each) => filter.status === null || filter.status.includes(each));
    this.#filter = { ...filter, status };
    this.#texts = new TextFilter(filter);
    this.#times = times;
    this.#parts = parts;
    const taker = { take: (rows: ListedRows, at: number) => this.#met(rows, at) };
    this.#scan = new MemoryScan({ state: parts.memory.state, filter: this.#filter, taker });
    // Nothing that is asked for can be retried.
    if (status.length === 0) this.#isScanned = this.#isIndexRead = true;
  }

  get ready(): number {
    return this.#ready.length - this.#next;
  }
  get asked(): number {
    return this.#asked;
  }
  get isOver(): boolean {
    return this.#isScanned && this.#isIndexRead && this.#remembered.length === 0 && this.#indexed.length === 0;
  }
  /** All that is left may be in the indexes, and a page of them on its way. */
  get canWalkOn(): boolean {
    return (
      !this.isOver && !(this.#isScanned && this.#isReadingIndex && this.#remembered.length === 0 && this.#indexed.length === 0)
    );
  }

  walkOn(): void {
    if (this.#remembered.length >= bulkBatchEvents || (this.#isScanned && this.#remembered.length > 0)) {
      const events = this.#remembered.splice(0, bulkBatchEvents).sort((one, other) => one.bodySeq - other.bodySeq);
      this.#askForSpecs(events);
    } else if (!this.#isScanned) this.#isScanned = this.#scan.step();
    else if (this.#indexed.length > 0) this.#askForFacts(this.#indexed.splice(0, bulkBatchEvents));
    else this.#readIndex();
  }

  settleNext(mayChange: boolean): Settled {
    const { memory, shared, requests } = this.#parts;
    const known = this.#ready[this.#next++]!;
    const record = decideRetryOfMany(memory.state, this.#times, { known, now: shared.ports.clock.wallMs() });
    if (record === null) return 'gone';
    if (!mayChange) return 'changeable';
    requests.writeOfMany(record);
    return 'changed';
  }

  #met({ id, newestSeq, status, version, attempts, bodySeq }: ListedRows, at: number): void {
    const start = at * eventIdBytes;
    this.#remembered.push({
      event: id.slice(start, start + eventIdBytes),
      newest: newestSeq[at]! as Sequence,
      status: eventStatuses[status[at]!]!,
      version: version[at]!,
      attempts: attempts[at]!,
      bodySeq: bodySeq[at]! as Sequence,
    });
  }

  /** Answered for the first of them, as many as are good for one message. */
  #askForSpecs(events: readonly Remembered[]): void {
    const { partition } = this.#parts.memory.state;
    const seqs = events.map(({ bodySeq }) => bodySeq);
    this.#ask({ op: 'specs', partition, seqs, filter: this.#filter }, (reply) => {
      if (reply.op !== 'specs') throw new InvariantError(`expected specs, found ${reply.op}`);
      const { specs } = reply;
      const found: FinishedEvent[] = [];
      for (const [place, spec] of specs.entries()) if (spec.length > 0) found.push({ ...events[place]!, spec });
      this.#take(found);
      if (specs.length < events.length) this.#askForSpecs(events.slice(specs.length));
    });
  }

  #readIndex(): void {
    const { partition } = this.#parts.memory.state;
    const query = { filter: this.#filter, sort: 'created_at', order: 'asc', after: this.#after, limit: bulkBatchEvents } as const;
    this.#isReadingIndex = true;
    this.#askNow({ op: 'list', partition, query }, (reply) => {
      if (reply.op !== 'listed') throw new InvariantError(`expected a list, found ${reply.op}`);
      this.#isReadingIndex = false;
      if (reply.coverage === 'end') this.#isIndexRead = true;
      else this.#after = reply.coverage;
      for (const { id } of readEntries(reply.entries)) this.#indexed.push(id.slice());
    });
  }

  #askForFacts(ids: readonly EventId[]): void {
    const { partition } = this.#parts.memory.state;
    this.#ask({ op: 'facts', partition, events: ids.map((event) => ({ event, newest: null })) }, (reply) => {
      if (reply.op !== 'facts') throw new InvariantError(`expected facts, found ${reply.op}`);
      const facts = decodeMessages<StoredFacts>(reply.facts);
      this.#take(facts.filter(({ status, spec }) => retriable.includes(status) && this.#texts.matches(spec)));
    });
  }

  #askNow(question: Ask, take: (reply: ReaderReply) => void): void {
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

  /** The reader sees what is durable. */
  #ask(question: Ask, take: (reply: ReaderReply) => void): void {
    const { ledger } = this.#parts;
    this.#asked++;
    ledger.hold({
      happen: () => {
        this.#asked--;
        this.#askNow(question, take);
      },
      // It ends with the memory that it walks over.
      voided: () => undefined,
    });
  }

  #take(found: readonly FinishedEvent[]): void {
    this.#ready = [...this.#ready.slice(this.#next), ...found];
    this.#next = 0;
  }
}
