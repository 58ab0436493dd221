/** What a bench is: a question, two sizes, figures and how they are drawn. One file each, found by `bench/main.ts` by its name. */
import type { Curve } from './lag-histogram.js';

/** `small`: seconds, so that none rots and a change can be tried. `full`: the size whose figures may be quoted. */
export const sizeNames = ['small', 'full'] as const;
export type SizeName = (typeof sizeNames)[number];

/** One line of its table: what was varied, and what was measured, with the unit in the name. */
export type Row = Readonly<Record<string, string | number>>;

export interface Measured {
  readonly rows: readonly Row[];
  /** Distributions of latencies, if it has any. */
  readonly curves: readonly Curve[];
}

/**
 * `percentiles`: all its curves in one picture. `sizes`: one column of its rows against another, both on logarithmic scales, one line for
 * each value of `series`. `costs`: the same for what one operation takes, worked out from columns that say how many there are in a second; a line
 * for each of these, and for each value of `series` if it names a column.
 */
export type Plot =
  | { readonly kind: 'percentiles'; readonly title: string }
  | { readonly kind: 'sizes'; readonly title: string; readonly x: string; readonly y: string; readonly series: string }
  | {
      readonly kind: 'costs';
      readonly title: string;
      readonly x: string;
      readonly rates: readonly string[];
      readonly series: string | null;
    };

export interface Bench {
  /** Subject-action, as its file. */
  readonly name: string;
  readonly question: string;
  /** What `measure` is told: entries, events, requests; its file says which. */
  readonly sizes: Readonly<Record<SizeName, number>>;
  readonly plots?: readonly Plot[];
  measure(size: number): Measured | Promise<Measured>;
}

/** For cost against size: what is measured with as many entries, with a tenth of them, and with a hundredth. */
export function decadesUpTo(size: number): readonly number[] {
  return [size / 100, size / 10, size];
}

/** Results whose fields are all texts or numbers, as the rows of a table. */
export function measured(results: readonly object[], curves: readonly Curve[] = []): Measured {
  return { rows: results as readonly Row[], curves };
}
