/**
 * The pending events of a partition that match a filter, to be cancelled.
 *
 * Rows are found by their numbers; a filter that asks for texts has the reader compare them. A row may be another event's by then:
 * it is told by the position of its body, which no other event ever has. What has come since the walk began is another call's.
 */
import { type EventFilter, isExactInRows } from '../event/event-filter.js';
import { isFinished } from '../event/status.js';
import type { Handle, Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { bulkBatchEvents } from '../kernel/limits.js';
import { decide } from '../partition/decide.js';
import { RowFilter } from '../partition/row-filter.js';
import type { BulkWalk, Settled, WalkParts } from './bulk-walk.js';

/** A row as it was when it was met. */
interface Candidate {
  readonly handle: Handle;
  readonly bodySeq: Sequence;
}

const stepRows = 2_048;

export class CancelWalk implements BulkWalk {
  readonly #filter: EventFilter;
  readonly #parts: WalkParts;
  readonly #rows: RowFilter;
  readonly #isExact: boolean;
  readonly #rowsEnd: number;
  #row = 0;
  #ready: Candidate[] = [];
  #next = 0;
  #asked = 0;

  constructor(filter: EventFilter, parts: WalkParts) {
    const status = filter.status?.filter((each) => !isFinished(each)) ?? null;
    this.#filter = filter;
    this.#parts = parts;
    this.#rows = new RowFilter({ ...filter, status });
    this.#isExact = isExactInRows(filter);
    this.#rowsEnd = parts.memory.state.columns.rows;
  }

  get ready(): number {
    return this.#ready.length - this.#next;
  }
  get asked(): number {
    return this.#asked;
  }
  get isOver(): boolean {
    return this.#row >= this.#rowsEnd;
  }

  walkOn(): void {
    const { columns } = this.#parts.memory.state;
    const found: Candidate[] = [];
    for (let left = stepRows; left > 0 && found.length < bulkBatchEvents && !this.isOver; ) {
      const { rows, at, end } = columns.span(this.#row)!;
      const last = Math.min(end, at + left, at + this.#rowsEnd - this.#row);
      for (let place = at; place < last && found.length < bulkBatchEvents; place++, left--) {
        const handle = this.#row++ as Handle;
        if (this.#rows.matches(rows, place)) found.push({ handle, bodySeq: columns.bodySeq(handle) });
      }
    }
    if (found.length === 0) return;
    if (this.#isExact) this.#take(found);
    else this.#ask(found);
  }

  settleNext(mayChange: boolean): Settled {
    const { memory, shared, requests } = this.#parts;
    const { columns } = memory.state;
    const { handle, bodySeq } = this.#ready[this.#next++]!;
    if (!columns.isLive(handle) || columns.bodySeq(handle) !== bodySeq) return 'gone';
    const now = shared.ports.clock.wallMs();
    const { records } = decide(memory.state, { op: 'cancel', event: columns.id(handle) }, { now, facts: null });
    if (records.length === 0) return 'left';
    if (!mayChange) return 'changeable';
    for (const record of records) requests.write(record);
    return 'changed';
  }

  /** The reader sees what is durable. */
  #ask(found: readonly Candidate[]): void {
    const { memory, shared, ledger, heard, failed } = this.#parts;
    const { partition } = memory.state;
    this.#asked++;
    const seqs = found.map(({ bodySeq }) => bodySeq);
    ledger.hold({
      happen: () =>
        shared.reads.ask({ op: 'match', partition, seqs, filter: this.#filter }, (reply) => {
          if (memory.isDiscarded) return;
          this.#asked--;
          if (reply.op === 'failed') failed(reply);
          else if (reply.op !== 'matches') throw new InvariantError(`expected matches, found ${reply.op}`);
          else {
            this.#take(found.filter((_, place) => reply.matches[place] === 1));
            heard();
          }
        }),
      // It ends with the memory that it walks over.
      voided: () => undefined,
    });
  }

  #take(found: readonly Candidate[]): void {
    this.#ready = [...this.#ready.slice(this.#next), ...found];
    this.#next = 0;
  }
}
