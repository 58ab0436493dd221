/**
 * The pending events of a partition that match a filter, to be cancelled.
 *
 * Rows are found by their numbers; a filter that asks for texts has the reader compare them. A row may be another event's by then:
 * it is told by the position of its body, which no other event ever has. What has come since the walk began is another call's.
 *
 * A million go through here in seconds, so candidates are numbers in batches and not objects.
 */
import { type EventFilter, isExactInRows } from '../../event/event-filter.js';
import { isFinished } from '../../event/status.js';
import type { Handle, Sequence } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { bulkBatchEvents } from '../../kernel/limits.js';
import { decideCancelOfMany } from '../../partition/decide-about.js';
import { bodySeqAt, RowFilter } from '../../partition/row-filter.js';
import type { BulkWalk, Settled, WalkParts } from './bulk-walk.js';

/** Rows as they were when they were met, in the order of their bodies in the log. */
interface Candidates {
  readonly handles: Float64Array;
  readonly bodySeqs: Float64Array;
  /** 1: it matches, 0: it does not; null: all of them do. */
  readonly matches: Uint8Array | null;
}

const stepRows = 2_048;

export class CancelWalk implements BulkWalk {
  readonly #filter: EventFilter;
  readonly #parts: WalkParts;
  readonly #rows: RowFilter;
  readonly #isExact: boolean;
  readonly #rowsEnd: number;
  #row = 0;
  /** To be settled: the first of them from `#next` on. */
  readonly #batches: Candidates[] = [];
  #next = 0;
  #ready = 0;
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
    return this.#ready;
  }
  get asked(): number {
    return this.#asked;
  }
  get isOver(): boolean {
    return this.#row >= this.#rowsEnd;
  }
  get canWalkOn(): boolean {
    return !this.isOver;
  }

  walkOn(): void {
    const { columns } = this.#parts.memory.state;
    const handles = new Float64Array(bulkBatchEvents);
    const bodySeqs = new Float64Array(bulkBatchEvents);
    let count = 0;
    for (let left = stepRows; left > 0 && count < bulkBatchEvents && !this.isOver; ) {
      const { rows, at, end } = columns.span(this.#row)!;
      const last = Math.min(end, at + left, at + this.#rowsEnd - this.#row);
      for (let place = at; place < last && count < bulkBatchEvents; place++, left--) {
        const row = this.#row++;
        if (!this.#rows.matches(rows, place)) continue;
        handles[count] = row;
        bodySeqs[count++] = bodySeqAt(rows, place);
      }
    }
    if (count === 0) return;
    const found = inOrder(handles.subarray(0, count), bodySeqs.subarray(0, count));
    if (this.#isExact) this.#take({ ...found, matches: null });
    else this.#ask(found);
  }

  settle({ count, mayChange }: { readonly count: number; readonly mayChange: number }): Settled {
    const { memory, shared, requests } = this.#parts;
    const now = shared.ports.clock.wallMs();
    let changed = 0;
    let left = 0;
    for (let some = count; some > 0 && this.#ready > 0; some--) {
      const handle = this.#nextHandle();
      if (handle === null) continue;
      const record = decideCancelOfMany(memory.state, handle, now);
      if (record === null) left += changed < mayChange ? 1 : 0;
      else if (changed === mayChange) return { changed, left, hasMore: true };
      else {
        requests.cancelOfMany(handle, record);
        changed++;
      }
    }
    return { changed, left, hasMore: false };
  }

  /** Null: it does not match, or is gone. */
  #nextHandle(): Handle | null {
    const { columns } = this.#parts.memory.state;
    const { handles, bodySeqs, matches } = this.#batches[0]!;
    const place = this.#next++;
    this.#ready--;
    if (this.#next === handles.length) {
      this.#batches.shift();
      this.#next = 0;
    }
    const handle = handles[place]! as Handle;
    if (matches?.[place] === 0 || !columns.isLive(handle) || columns.bodySeq(handle) !== bodySeqs[place]) return null;
    return handle;
  }

  /** The reader goes through the log in its order, and answers as much as is good for one message. */
  #ask(found: Omit<Candidates, 'matches'>): void {
    const { memory, shared, ledger, heard, failed } = this.#parts;
    const { partition } = memory.state;
    const { handles, bodySeqs } = found;
    this.#asked++;
    const seqs = Array.from(bodySeqs) as Sequence[];
    ledger.whenReadable(seqs.at(-1)!, () =>
      shared.reads.ask({ op: 'match', partition, seqs, filter: this.#filter }, (reply) => {
        if (memory.isDiscarded) return;
        this.#asked--;
        if (reply.op === 'failed') failed(reply);
        else if (reply.op !== 'matches') throw new InvariantError(`expected matches, found ${reply.op}`);
        else {
          const { matches } = reply;
          const end = matches.length;
          this.#take({ handles: handles.subarray(0, end), bodySeqs: bodySeqs.subarray(0, end), matches });
          if (end < handles.length) this.#ask({ handles: handles.subarray(end), bodySeqs: bodySeqs.subarray(end) });
          heard();
        }
      }),
    );
  }

  #take(batch: Candidates): void {
    this.#batches.push(batch);
    this.#ready += batch.handles.length;
  }
}

/** By their bodies. Rows that were never used again are so already. */
function inOrder(handles: Float64Array, bodySeqs: Float64Array): Omit<Candidates, 'matches'> {
  const isInOrder = bodySeqs.every((seq, place) => place === 0 || seq > bodySeqs[place - 1]!);
  if (isInOrder) return { handles, bodySeqs };
  const places = Array.from(bodySeqs.keys()).sort((one, other) => bodySeqs[one]! - bodySeqs[other]!);
  return { handles: Float64Array.from(places, (place) => handles[place]!), bodySeqs: bodySeqs.slice().sort() };
}
