/**
 * What is kept of a bench: every run, the median of each figure over them, and the machine.
 *
 * A median is a figure that was measured, the middle one (the lower of two), column by column: a row of medians need not be
 * one run. Ratios are formed within a run before.
 */
import type { Measured, Row, SizeName } from './bench.js';
import type { Curve } from './lag-histogram.js';
import type { Machine } from './machine.js';

export interface Result {
  readonly name: string;
  readonly question: string;
  readonly at: string;
  readonly size: SizeName;
  readonly machine: Machine;
  readonly runs: readonly (readonly Row[])[];
  readonly median: Measured;
}

/** Of runs that measured the same things in the same order. */
export function medianOf(runs: readonly Measured[]): Measured {
  return {
    rows: runs[0]!.rows.map((row, place) =>
      medianRow(
        row,
        runs.map(({ rows }) => rows[place]!),
      ),
    ),
    curves: runs[0]!.curves.map(({ label }) => medianCurve(label, runs)),
  };
}

function medianRow(first: Row, all: readonly Row[]): Row {
  const columns = Object.entries(first).map(([column, value]) => [
    column,
    typeof value === 'string' ? value : middle(all.map((row) => Number(row[column]))),
  ]);
  return Object.fromEntries(columns) as Row;
}

/** As far as every run has it. */
function medianCurve(label: string, runs: readonly Measured[]): Curve {
  const same = runs.flatMap(({ curves }) => curves.filter((curve) => curve.label === label));
  const length = Math.min(...same.map(({ points }) => points.length));
  const points = same[0]!.points.slice(0, length).map(([nines], place) => {
    return [nines, middle(same.map(({ points }) => points[place]![1]))] as const;
  });
  return { label, points };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1]!;
}
