/**
 * A walk over all that a partition remembers, in steps: finished events that no index knows yet, then pending ones. Rows that
 * pass the filter are handed to `take`.
 *
 * The partition goes on living between two steps, so an event may move from one place to the other. One that is there
 * the whole time is met all the same: what finishes is added to the finished ones, and these are walked over first and, as
 * far as they have come since, once more at the end (`catchUp`); what an operator puts back was met among the finished ones.
 * It may be met twice; the taker is to expect that.
 *
 * With an external job id in the filter the rows are found through the key tables instead, if they can be.
 */
import { tagOfText } from '../event/content.js';
import type { EventFilter } from '../event/event-filter.js';
import { isFinished } from '../event/status.js';
import type { Handle } from '../kernel/brand.js';
import type { FinishedPage } from './finished-page.js';
import { type ListedRows, RowFilter, type RowSpan } from './row-filter.js';
import type { PartitionState } from './state.js';

export interface RowTaker {
  take(rows: ListedRows, at: number): void;
}

/** Rows in one step: about 20 us. */
const stepRows = 2_048;

/** Rows by number, from 0 without gaps. */
interface Source {
  span(row: number): RowSpan | null;
  withText(tagLow: number): Handle[] | null;
}

interface Walk {
  readonly source: Source;
  row: number;
}

export class MemoryScan {
  readonly #state: PartitionState;
  readonly #filter: RowFilter;
  readonly #wantsFinished: boolean;
  /** Null without an external job id. */
  readonly #text: number | null;
  readonly #taker: RowTaker;
  /** How far each page has been walked over. */
  readonly #seen = new Map<FinishedPage, number>();
  #walks: Walk[] = [];

  constructor({ state, filter, taker }: { state: PartitionState; filter: EventFilter; taker: RowTaker }) {
    const { status, externalJobId } = filter;
    this.#state = state;
    this.#filter = new RowFilter(filter);
    this.#taker = taker;
    this.#text = externalJobId === null ? null : tagOfText({ kind: 'external', text: externalJobId });
    this.#wantsFinished = status?.some(isFinished) ?? true;
    this.catchUp();
    const wantsPending = status?.some((each) => !isFinished(each)) ?? true;
    const pending = { span: (row: number) => state.columns.span(row), withText: (tagLow: number) => state.withText(tagLow) };
    if (wantsPending) this.#walks.push({ source: pending, row: 0 });
  }

  /** Goes on for a step. True when nothing is left. */
  step(): boolean {
    for (let left = stepRows; left > 0; ) {
      const walk = this.#walks[0];
      if (walk === undefined) return true;
      const walked = this.#walkOn(walk, left);
      if (walked === 0) this.#walks.shift();
      left -= walked;
    }
    return this.#walks.length === 0;
  }

  /** What has finished since: to be walked over as well. */
  catchUp(): void {
    if (!this.#wantsFinished) return;
    for (const page of this.#state.finished.pages) {
      const row = this.#seen.get(page) ?? 0;
      if (page.size === row) continue;
      this.#walks.push({ source: page, row });
      this.#seen.set(page, page.size);
    }
  }

  /** At most so many rows; 0 at the end. */
  #walkOn(walk: Walk, rowsMax: number): number {
    if (walk.row === 0 && this.#visitByText(walk.source)) return 0;
    const span = walk.source.span(walk.row);
    if (span === null) return 0;
    const end = Math.min(span.end, span.at + rowsMax);
    for (let at = span.at; at < end; at++) if (this.#filter.matches(span.rows, at)) this.#taker.take(span.rows, at);
    walk.row += end - span.at;
    return end - span.at;
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
