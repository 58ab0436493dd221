/** What benches share: percentiles, medians, pictures, tables. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Measured } from '../../bench/lib/bench.js';
import { findBenches } from '../../bench/lib/find.js';
import { LagHistogram } from '../../bench/lib/lag-histogram.js';
import { openLoop } from '../../bench/lib/open-loop.js';
import { picturesOf } from '../../bench/lib/plot.js';
import { medianOf, type Result } from '../../bench/lib/result.js';
import { headlineTable } from '../../bench/report/headlines.js';
import { block, documents, publishedResults } from '../../bench/report/report.js';
import { tableOf } from '../../bench/report/table.js';

t.test('percentiles are of what was recorded, and a curve ends where there was too little', async (t) => {
  const lag = new LagHistogram();
  for (let ms = 1; ms <= 1_000; ms++) lag.record(ms / 10);
  const { p50Ms, p99Ms, maxMs } = lag.figures();
  t.ok(Math.abs(p50Ms - 50) < 0.1 && Math.abs(p99Ms - 99) < 0.1 && Math.abs(maxMs - 100) < 0.1, `${p50Ms} ${p99Ms} ${maxMs}`);
  const { points } = lag.curve('a');
  t.equal(points.at(-1)![0], 3, 'of 1,000 the rarest is one in a thousand');
  t.ok(points.every(([, ms], place) => place === 0 || ms >= points[place - 1]![1]));
});

t.test('a producer that is held up does not move the moments it owes', async (t) => {
  const moments: number[] = [];
  let isHeldUp = true;
  const { count } = await openLoop({ perSecond: 1_000, count: 100, aheadMs: 0 }, async ({ atMs }) => {
    moments.push(...atMs);
    const end = performance.now() + (isHeldUp ? 50 : 0);
    isHeldUp = false;
    while (performance.now() < end);
  });
  t.equal(count, 100);
  t.same(
    moments.map((at) => at - moments[0]!),
    Array.from({ length: 100 }, (_, event) => event),
  );
});

t.test('a producer whose event is refused says so', async (t) => {
  const refused = openLoop({ perSecond: 1_000, count: 100, aheadMs: 0 }, () => Promise.reject(new Error('refused')));
  await t.rejects(refused, { message: 'refused' });
});

const run = (perSecond: number, ms: number): Measured => {
  const curve = { label: 'a', points: [[0, ms] as const, [1, ms * 2] as const] };
  return { rows: [{ what: 'a', perSecond }], curves: [curve] };
};

t.test('a median is the middle one of what was measured', async (t) => {
  t.same(medianOf([run(3, 5), run(1, 9), run(2, 7)]), run(2, 7));
  t.same(medianOf([run(3, 5), run(1, 9)]), run(1, 5), 'the lower of two');
  t.same(medianOf([run(3, 5)]), run(3, 5));
});

const machine = { cpu: 'a <cpu>', cores: 2, memoryGiB: 8, system: 'linux x64', node: 'v20', commit: 'abc', busyBefore: 0.02 };

function resultOf(name: string, median: Measured): Result {
  return { name, question: '?', at: '2026-11-20T10:00:00.000Z', size: 'full', machine, runs: [median.rows], median };
}

t.test('a picture says what is on its axes, names every line, and where it was measured', async (t) => {
  const result = resultOf('one', {
    rows: [
      { ids: 'with', pending: 100, bytesEach: 500, insertsPerSecond: 2e6, randomFindsPerSecond: 1e7 },
      { ids: 'with', pending: 1_000, bytesEach: 0, insertsPerSecond: 1e6, randomFindsPerSecond: 1e7 },
      { ids: 'without', pending: 1_000, bytesEach: 90, insertsPerSecond: 5e6, randomFindsPerSecond: 1e7 },
    ],
    curves: run(1, 2).curves,
  });
  const plots = [
    { kind: 'percentiles', title: 'Lag' },
    { kind: 'sizes', title: 'Memory', x: 'pending', y: 'bytesEach', series: 'ids' },
    { kind: 'costs', title: 'Insert', x: 'pending', rates: ['insertsPerSecond', 'randomFindsPerSecond'], series: 'ids' },
  ] as const;
  const pictures = picturesOf(
    { name: 'one', question: '?', sizes: { small: 1, full: 2 }, plots, measure: () => run(1, 1) },
    result,
  );
  t.same(
    pictures.map(({ name }) => name),
    ['one.svg', 'one-2.svg', 'one-3.svg'],
  );
  for (const words of ['Lag', 'percentile', 'milliseconds', '99.9 %', 'a &lt;cpu&gt;', 'commit abc'])
    t.match(pictures[0]!.svg, words);
  for (const words of ['Memory', 'pending', 'bytes each', '>with<', '>without<']) t.match(pictures[1]!.svg, words);
  for (const words of ['Insert', 'ns each', '>inserts, with<', '>random finds, without<', '>1 k<'])
    t.match(pictures[2]!.svg, words);
  for (const { svg } of pictures) t.notMatch(svg, /NaN|Infinity|undefined/);
});

t.test('a table has its numbers grouped', async (t) => {
  t.equal(tableOf([{ what: 'a|b', perSecond: 1_234_567.8 }]), '| what | perSecond |\n| --- | ---: |\n| a\\|b | 1,234,567.8 |\n');
});

t.test('what the documents show is of benches that there are, and their pictures are there', async (t) => {
  const names = (await findBenches([])).map(({ bench }) => bench.name);
  for (const file of documents) {
    const text = readFileSync(file, 'utf8');
    for (const [, , name] of text.matchAll(block)) t.ok(name === 'headlines' || names.includes(name!), `${file}: ${name}`);
    t.equal([...text.matchAll(block)].length, [...text.matchAll(/<!-- bench: /g)].length, `${file}: every block is closed`);
  }
  const results = publishedResults();
  for (const [name, { size }] of results) t.ok(names.includes(name) && size === 'full', name);
  t.ok(headlineTable(results).length > 0 && headlineTable(new Map()).length > 0);
});
