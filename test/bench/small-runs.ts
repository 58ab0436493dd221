/** Load benches at their smallest size, so that none rots: what they promise is checked, figures are not judged. */
import type { Test } from 'tap';
import type { Plot, Row } from '../../bench/lib/bench.js';
import { benchFiles, type Found, findBenches } from '../../bench/lib/find.js';

/** Columns that count what must not happen. */
const faults = ['refused', 'early', 'repeated', 'missing'];

/** Those that start servers are for one test file, the others for another: two files run side by side. Those of NATS have one of their own. */
export function loadBenches(ofServers: boolean): Promise<Found[]> {
  const isMeant = ({ name, file }: ReturnType<typeof benchFiles>[number]): boolean =>
    file.pathname.includes('/load/') && !name.startsWith('nats-') && startsServers.has(name) === ofServers;
  const files = benchFiles().filter(isMeant);
  return findBenches(files.map(({ name }) => name));
}

const startsServers = new Set([
  'http-schedule-batch',
  'http-schedule-latency',
  'http-schedule-single',
  'memory-pending',
  'mixed-day',
  'webhook-delivery',
  'ws-fanout',
]);

/** Returns its rows. */
export async function runSmall(t: Test, { bench }: Found): Promise<readonly Row[]> {
  const { rows } = await bench.measure(bench.sizes.small);
  t.ok(rows.length > 0);
  const values = rows.flatMap((row) => Object.values(row));
  t.ok(
    values.every((value) => typeof value === 'string' || Number.isFinite(value)),
    'every figure is one',
  );
  for (const plot of bench.plots ?? [])
    for (const column of columnsOf(plot)) t.ok(column in rows[0]!, `${column}, of a plot, is measured`);
  for (const column of faults)
    t.notOk(
      rows.some((row) => Number(row[column]) > 0),
      `nothing is ${column}`,
    );
  return rows;
}

function columnsOf(plot: Plot): readonly string[] {
  if (plot.kind === 'percentiles') return [];
  if (plot.kind === 'sizes') return [plot.x, plot.y, plot.series];
  return [plot.x, ...plot.rates, ...(plot.series === null ? [] : [plot.series])];
}
