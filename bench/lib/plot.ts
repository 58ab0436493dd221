/** The pictures of a result: latencies over percentiles, and cost against size. */
import type { Bench, Measured, Row } from './bench.js';
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
    const svg =
      plot.kind === 'percentiles'
        ? percentilesOf(plot.title, caption, result.median)
        : drawChart({ title: plot.title, caption, ...against(plot, result.median.rows) });
    return { name, title: plot.title, svg };
  });
}

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

function against(plot: { readonly x: string; readonly y: string; readonly series: string }, rows: readonly Row[]) {
  const lines = new Map<string, [number, number][]>();
  for (const row of rows) {
    const label = String(row[plot.series]);
    if (!lines.has(label)) lines.set(label, []);
    lines.get(label)!.push([Number(row[plot.x]), Number(row[plot.y])]);
  }
  const points = [...lines.values()].flat();
  return {
    x: logarithmic(
      plot.x,
      points.map(([x]) => x),
      short,
    ),
    y: logarithmic(
      plot.y,
      points.map(([, y]) => y),
      short,
    ),
    lines: [...lines].map(([label, points]) => ({ label, points })),
    marked: true,
  };
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}
