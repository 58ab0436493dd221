/** What a bench is: a question, two sizes, and rows of figures. One file each, found by `bench/main.ts` by its name. */

/** `small`: seconds, so that none rots and a change can be tried. `full`: the size whose figures may be quoted. */
export const sizeNames = ['small', 'full'] as const;
export type SizeName = (typeof sizeNames)[number];

/** One line of its table: what was varied, and what was measured, with the unit in the name. */
export type Row = Readonly<Record<string, string | number>>;

export interface Bench {
  /** Subject-action, as its file. */
  readonly name: string;
  readonly question: string;
  /** What `measure` is told: entries, events, requests; its file says which. */
  readonly sizes: Readonly<Record<SizeName, number>>;
  measure(size: number): readonly Row[] | Promise<readonly Row[]>;
}

/** What a bench measured, as its table: results whose fields are all texts or numbers. */
export function rowsOf(results: readonly object[]): readonly Row[] {
  return results as readonly Row[];
}
