/**
 * `npm run bench`: lists the benches; with words, runs those whose names contain one of them; with `all`, every one.
 *
 *   npm run bench -- wheel http            those with `wheel` or `http` in their names
 *   npm run bench -- all --size small      every one, in seconds
 *   npm run bench -- local-fire --runs 5   medians of five runs
 *   npm run bench -- report                puts the newest full results into docs/benchmarks.md and the README
 *
 * Each run is a process of its own. Prints a table of medians each and writes all of it, with machine, Node version and commit, to a folder
 * in `bench/results/`, and its plots beside it. Exit code 1 when one fails; the others still run.
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Measured, type SizeName, sizeNames } from './lib/bench.js';
import { type Found, findBenches } from './lib/find.js';
import { describeMachine } from './lib/machine.js';
import { medianOf, type Result } from './lib/result.js';
import { ResultFolder } from './lib/result-folder.js';
import { report } from './report/report.js';

const one = new URL('./lib/one.js', import.meta.url);
const runsOf: Readonly<Record<SizeName, number>> = { small: 1, full: 3 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: 'full' }, runs: { type: 'string' } },
});
const size = sizeNames.find((name) => name === values.size);
const runs = Number(values.runs ?? runsOf[size ?? 'small']);
if (size === undefined) fail(`--size is one of ${sizeNames.join(', ')}, not ${values.size}`);
else if (!(Number.isInteger(runs) && runs >= 1 && runs <= 99)) fail(`--runs is a number from 1 to 99, not ${values.runs}`);
else if (positionals.length === 0) list(await findBenches([]));
else if (positionals.includes('report')) for (const line of await report()) console.log(line);
else {
  const found = await findBenches(positionals.includes('all') ? [] : positionals);
  if (found.length === 0) fail(`no bench has ${positionals.join(' or ')} in its name; without arguments they are listed`);
  else await runAll(found, { size, runs });
}

function list(found: readonly Found[]): void {
  const width = Math.max(...found.map(({ bench }) => bench.name.length));
  for (const { bench } of found) console.log(`${bench.name.padEnd(width)}  ${bench.question}`);
  console.log('\nnpm run bench -- <words>|all [--size small|full] [--runs N]\nnpm run bench -- report');
}

async function runAll(
  found: readonly Found[],
  { size, runs }: { readonly size: SizeName; readonly runs: number },
): Promise<void> {
  const folder = new ResultFolder();
  for (const { bench, file } of found) {
    console.log(`\n${bench.name}: ${bench.question}`);
    const machine = await describeMachine();
    if (machine.busyBefore > 0.1) console.log(`Others keep ${machine.busyBefore} cores busy: do not quote these figures.`);
    const done: Measured[] = [];
    for (let run = 0; run < runs; run++) {
      const measured = await runOne(file, size);
      if (measured !== null) done.push(measured);
    }
    if (done.length < runs) {
      console.log(`${bench.name} failed: see above`);
      process.exitCode = 1;
      continue;
    }
    const median = medianOf(done);
    console.table(median.rows);
    const about = { name: bench.name, question: bench.question, at: new Date().toISOString(), size, machine };
    const result: Result = { ...about, runs: done.map(({ rows }) => rows), median };
    folder.write(bench, result);
  }
  console.log(`\n${folder.path}`);
}

/** Null when it failed. */
function runOne(file: URL, size: SizeName): Promise<Measured | null> {
  return new Promise((resolve) => {
    const child = fork(one, [file.href, size]);
    let measured: Measured | null = null;
    child.on('message', (message: Measured) => {
      measured = message;
    });
    child.on('exit', (code) => resolve(code === 0 ? measured : null));
  });
}

function fail(reason: string): void {
  console.error(reason);
  process.exitCode = 1;
}
