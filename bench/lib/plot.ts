/** The pictures of a result: latencies over percentiles, and cost against size. */
import type { Bench, Measured, Plot, Row } from './bench.js';
import { type Axis, drawChart, logarithmic } from './chart.js';
import type { Result } from './result.js';

export interface Picture {
  /** Of its file. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** Each decade of rarity has the same width: what happens to one event in a thousand is seen as well as what happens to one in ten. */
const nines: Axis = {
  label: 'percentile',
  place: (value) => value,
  ticks: ['0', '90', '99', '99.9', '99.99', '99.999'].map((text, at) => ({ at, text: `${text} %` })),
};

export function picturesOf(bench: Bench, result: Result): Picture[] {
  const caption = captionOf(result);
  return (bench.plots ?? []).map((plot, place) => {
    const name = `${bench.name}${place === 0 ? '' : `-${place + 1}`}.svg`;
    return { name, title: plot.title, svg: draw(plot, caption, result.median) };
  });
}

function draw(plot: Plot, caption: string, median: Measured): string {
  const { title } = plot;
  switch (plot.kind) {
    case 'percentiles':
      return percentilesOf(title, caption, median);
    case 'sizes':
      return drawChart({ title, caption, ...against(plot, linesBy(plot.series, plot, median.rows)) });
    case 'costs': {
      const { x, rates, series } = plot;
      const lines = rates.flatMap((rate) => {
        const named = rates.length === 1 ? '' : inWords(rate.replace(/PerSecond$/, ''));
        const costs = median.rows.map((row) => ({ ...row, [nanoseconds]: 1e9 / Number(row[rate]) }));
        return linesBy(series, { x, y: nanoseconds }, costs).map(({ label, points }) => {
          return { label: [named, label].filter((part) => part !== '').join(', '), points };
        });
      });
      return drawChart({ title, caption, ...against({ x, y: nanoseconds }, lines) });
    }
  }
}

const nanoseconds = 'ns each';

/** What a figure is worth nothing without. */
export function captionOf({ at, size, runs, machine }: Result): string {
  const { cpu, cores, node, commit, busyBefore } = machine;
  const times = runs.length === 1 ? 'one run' : `medians of ${runs.length} runs`;
  return `${cores} cores ${cpu}, Node ${node}, commit ${commit ?? 'unknown'}, ${at.slice(0, 10)}, ${times}, ${size}, ${busyBefore} cores busy before`;
}

function percentilesOf(title: string, caption: string, { curves }: Measured): string {
  const values = curves.flatMap(({ points }) => points.map(([, ms]) => ms));
  return drawChart({
    title,
    caption,
    x: nines,
    y: logarithmic('milliseconds', values, String),
    lines: curves,
    marked: false,
  });
}

/** A line for each value of `series`; null: one. */
function linesBy(
  series: string | null,
  { x, y }: { readonly x: string; readonly y: string },
  rows: readonly Row[],
): readonly { readonly label: string; readonly points: readonly (readonly [number, number])[] }[] {
  const lines = new Map<string, [number, number][]>();
  for (const row of rows) {
    const label = series === null ? '' : String(row[series]);
    if (!lines.has(label)) lines.set(label, []);
    lines.get(label)!.push([Number(row[x]), Number(row[y])]);
  }
  return [...lines].map(([label, points]) => ({ label, points }));
}

function against({ x, y }: { readonly x: string; readonly y: string }, lines: ReturnType<typeof linesBy>) {
  const points = lines.flatMap((line) => line.points);
  return {
    x: logarithmic(
      inWords(x),
      points.map(([value]) => value),
      short,
    ),
    y: logarithmic(
      inWords(y),
      points.map(([, value]) => value),
      short,
    ),
    lines,
    marked: true,
  };
}

/** Of the name of a field. */
function inWords(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}
