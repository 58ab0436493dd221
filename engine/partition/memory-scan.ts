/**
 * A walk over all that a partition remembers, in steps: finished events that no index knows yet, then pending ones. Rows that
 * pass the filter are handed to `take`.
 *
 * The partition goes on living between two steps, so an event may move from one place to the other. One that is there
 * the whole time is met all the same: what finishes is added to the finished ones, and these are walked over first and, as
 * far as they have come since, once more at the end (`catchUp`); what an operator puts back was met among the finished ones.
 * It may be met twice; the taker is to expect that.
 *
 * Rows are about in the order of time, so a walk in descending order begins at the last one: whoever wants the newest has them soon,
 * and passes the other blocks over by how young their events can be.
 *
 * With an external job id in the filter the rows are found through the key tables instead, if they can be.
 */
import { tagOfText } from '../event/content.js';
import type { EventFilter } from '../event/event-filter.js';
import type { ListOrder } from '../event/event-list.js';
import { isFinished } from '../event/status.js';
import type { Handle } from '../kernel/brand.js';
import { blockRows } from './newest-in-blocks.js';
import { type ListedRows, RowFilter, type RowSpan } from './row-filter.js';
import type { PartitionState } from './state.js';

export interface RowTaker {
  take(rows: ListedRows, at: number): void;
  /** Whether it has no use for rows, if none of them was created later than this (ms). */
  passesOver?(newestMs: number): boolean;
}

/** Rows in one step: about 20 us. */
const stepRows = 2_048;
/** What a block that is passed over counts. */
const passedRows = 16;

/** Rows by number, from 0 without gaps. */
interface Source {
  readonly size: number;
  span(row: number): RowSpan | null;
  newestAt(row: number): number;
  withText(tagLow: number): Handle[] | null;
}

/** What is left of it: rows from `from` to before `to`, which is null as long as it has not begun. */
interface Walk {
  readonly source: Source;
  from: number;
  to: number | null;
}

export class MemoryScan {
  readonly #state: PartitionState;
  readonly #filter: RowFilter;
  readonly #wantsFinished: boolean;
  /** Null: none is wanted. */
  readonly #pending: Source | null;
  /** Null without an external job id. */
  readonly #text: number | null;
  readonly #taker: RowTaker;
  readonly #isDescending: boolean;
  /** So many rows of each source are walked over, or to be. */
  readonly #seen = new Map<Source, number>();
  #walks: Walk[] = [];

  constructor({
    state,
    filter,
    taker,
    order = 'asc',
  }: {
    readonly state: PartitionState;
    readonly filter: EventFilter;
    readonly taker: RowTaker;
    readonly order?: ListOrder;
  }) {
    const { status, externalJobId } = filter;
    this.#state = state;
    this.#filter = new RowFilter(filter);
    this.#taker = taker;
    this.#isDescending = order === 'desc';
    this.#text = externalJobId === null ? null : tagOfText({ kind: 'external', text: externalJobId });
    this.#wantsFinished = status?.some(isFinished) ?? true;
    const wantsPending = status?.some((each) => !isFinished(each)) ?? true;
    this.#pending = wantsPending ? pendingRows(state) : null;
    this.catchUp();
  }

  /** Goes on for a step. True when nothing is left. */
  step(): boolean {
    for (let left = stepRows; left > 0; ) {
      const walk = this.#walks[0];
      if (walk === undefined) return true;
      const walked = this.#walkOn(walk);
      if (walked === 0) this.#walks.shift();
      left -= walked;
    }
    return this.#walks.length === 0;
  }

  /** What has come since: to be walked over as well. */
  catchUp(): void {
    if (this.#wantsFinished) for (const page of this.#state.finished.pages) this.#walkOver(page);
    if (this.#pending !== null) this.#walkOver(this.#pending);
  }

  #walkOver(source: Source): void {
    const from = this.#seen.get(source) ?? 0;
    if (source.size === from || this.#walks.some((walk) => walk.source === source && walk.to === null)) return;
    this.#walks.push({ source, from, to: null });
  }

  /** Up to the end of a block; 0 at the end. */
  #walkOn(walk: Walk): number {
    const { source } = walk;
    if (walk.to === null) {
      // Not before: what is put back among the pending ones up to now may not have been met where it stood.
      walk.to = source.size;
      this.#seen.set(source, walk.to);
      if (this.#visitByText(source)) return 0;
    }
    const { from, to } = walk;
    if (from >= to) return 0;
    const begin = this.#isDescending ? Math.max(from, (to - 1) & -blockRows) : from;
    const end = this.#isDescending ? to : Math.min(to, (from & -blockRows) + blockRows);
    if (this.#isDescending) walk.to = begin;
    else walk.from = end;
    if (this.#taker.passesOver?.(source.newestAt(begin)) === true) return passedRows;
    this.#visit(source.span(begin), end - begin);
    return end - begin;
  }

  /** Null: these have moved to another page, which is walked over by itself. */
  #visit(span: RowSpan | null, rowsMax: number): void {
    if (span === null) return;
    const { rows } = span;
    const end = Math.min(span.end, span.at + rowsMax);
    for (let at = this.#filter.next(rows, span.at, end); at < end; at = this.#filter.next(rows, at + 1, end)) {
      this.#taker.take(rows, at);
    }
  }

  /** False: it has to be scanned. */
  #visitByText(source: Source): boolean {
    const handles = this.#text === null ? null : source.withText(this.#text);
    if (handles === null) return false;
    for (const handle of handles) {
      const { rows, at } = source.span(handle)!;
      if (this.#filter.matches(rows, at)) this.#taker.take(rows, at);
    }
    return true;
  }
}

function pendingRows(state: PartitionState): Source {
  return {
    get size() {
      return state.columns.rows;
    },
    span: (row) => state.columns.span(row),
    newestAt: (row) => state.columns.newestAt(row),
    withText: (tagLow) => state.withText(tagLow),
  };
}
