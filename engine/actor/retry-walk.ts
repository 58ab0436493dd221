/**
 * The finished events of a partition that match a filter and can be retried, to be put back.
 *
 * First those that no index knows yet, then the indexes, in the order of their ids. A retry writes the whole spec anew, so the
 * reader fetches what is known of each, many with one message, and leaves out what does not match. What finishes again
 * while the walk goes on is another call's.
 */
import { type EventFilter, matchesTexts } from '../event/event-filter.js';
import { type ListPlace, readEntries } from '../event/event-list.js';
import { decodeSpec } from '../event/spec-codec.js';
import type { EventStatus } from '../event/status.js';
import type { Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { type EventId, eventIdBytes } from '../kernel/event-id.js';
import { bulkBatchEvents } from '../kernel/limits.js';
import { decodeMessages } from '../kernel/message-codec.js';
import type { StoredFacts } from '../log/protocol.js';
import type { KnownEvent, RetryTimes } from '../partition/command.js';
import { decide } from '../partition/decide.js';
import { MemoryScan } from '../partition/memory-scan.js';
import type { ListedRows } from '../partition/row-filter.js';
import type { BulkWalk, Settled, WalkParts } from './bulk-walk.js';

const retriable: readonly EventStatus[] = ['DEAD', 'CANCELLED', 'EXPIRED'];

interface Candidate {
  readonly event: EventId;
  /** Null: the indexes know. */
  readonly newest: Sequence | null;
}

export class RetryWalk implements BulkWalk {
  readonly #filter: EventFilter;
  readonly #times: RetryTimes;
  readonly #parts: WalkParts;
  readonly #scan: MemoryScan;
  #isScanned = false;
  /** How far the indexes have been read; null: from the beginning. */
  #after: ListPlace | null = null;
  #isIndexRead = false;
  #isReadingIndex = false;
  #found: Candidate[] = [];
  #ready: KnownEvent[] = [];
  #next = 0;
  #asked = 0;

  constructor({ filter, times }: { readonly filter: EventFilter; readonly times: RetryTimes }, parts: WalkParts) {
    const status = retriable.filter((each) => filter.status === null || filter.status.includes(each));
    this.#filter = { ...filter, status };
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
    return this.#isScanned && this.#isIndexRead && this.#found.length === 0;
  }

  walkOn(): void {
    if (this.#found.length >= bulkBatchEvents || (this.#found.length > 0 && this.#isScanned)) {
      this.#ask(this.#found.splice(0, bulkBatchEvents));
    } else if (!this.#isScanned) this.#isScanned = this.#scan.step();
    else if (!this.#isReadingIndex) this.#readIndex();
  }

  settleNext(mayChange: boolean): Settled {
    const { memory, shared, requests } = this.#parts;
    const known = this.#ready[this.#next++]!;
    const now = shared.ports.clock.wallMs();
    const command = { op: 'retry', event: known.event, times: this.#times } as const;
    const { records } = decide(memory.state, command, { now, facts: [known] });
    if (records.length === 0) return 'gone';
    if (!mayChange) return 'changeable';
    for (const record of records) requests.writeAndArm(record);
    return 'changed';
  }

  #met({ id, newestSeq }: ListedRows, at: number): void {
    const start = at * eventIdBytes;
    this.#found.push({ event: id.slice(start, start + eventIdBytes), newest: newestSeq[at]! as Sequence });
  }

  #readIndex(): void {
    const { memory, shared, heard, failed } = this.#parts;
    const query = { filter: this.#filter, sort: 'created_at', order: 'asc', after: this.#after, limit: bulkBatchEvents } as const;
    this.#isReadingIndex = true;
    this.#asked++;
    shared.reads.ask({ op: 'list', partition: memory.state.partition, query }, (reply) => {
      if (memory.isDiscarded) return;
      this.#asked--;
      this.#isReadingIndex = false;
      if (reply.op === 'failed') failed(reply);
      else if (reply.op !== 'listed') throw new InvariantError(`expected a list, found ${reply.op}`);
      else {
        if (reply.coverage === 'end') this.#isIndexRead = true;
        else this.#after = reply.coverage;
        for (const { id } of readEntries(reply.entries)) this.#found.push({ event: id.slice(), newest: null });
        heard();
      }
    });
  }

  /** The reader sees what is durable. */
  #ask(events: readonly Candidate[]): void {
    const { memory, shared, ledger, heard, failed } = this.#parts;
    const { partition } = memory.state;
    this.#asked++;
    ledger.hold({
      happen: () =>
        shared.reads.ask({ op: 'facts', partition, events }, (reply) => {
          if (memory.isDiscarded) return;
          this.#asked--;
          if (reply.op === 'failed') failed(reply);
          else if (reply.op !== 'facts') throw new InvariantError(`expected facts, found ${reply.op}`);
          else {
            this.#take(decodeMessages<StoredFacts>(reply.facts));
            heard();
          }
        }),
      // It ends with the memory that it walks over.
      voided: () => undefined,
    });
  }

  #take(facts: readonly StoredFacts[]): void {
    this.#ready = this.#ready.slice(this.#next);
    this.#next = 0;
    for (const { spec, ...rest } of facts) {
      const decoded = decodeSpec(spec);
      if (retriable.includes(rest.status) && matchesTexts(this.#filter, decoded)) {
        this.#ready.push({ ...rest, spec: decoded, bodySeq: null });
      }
    }
  }
}
