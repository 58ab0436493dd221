/**
 * `npm run bench`: lists the benches; with words, runs those whose names contain one of them; with `all`, every one.
 *
 *   npm run bench -- wheel http            those with `wheel` or `http` in their names
 *   npm run bench -- all --size small      every one, in seconds
 *
 * Each runs in a process of its own. Prints a table each and writes all of it, with machine, Node version and commit, to a
 * file in `bench/results/`. Exit code 1 when one fails; the others still run.
 */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Row, type SizeName, sizeNames } from './lib/bench.js';
import { type Found, findBenches } from './lib/find.js';
import { describeMachine } from './lib/machine.js';

const one = new URL('./lib/one.js', import.meta.url);
const resultsDir = join(import.meta.dirname, '..', '..', 'bench', 'results');

const { values, positionals } = parseArgs({ allowPositionals: true, options: { size: { type: 'string', default: 'full' } } });
const size = sizeNames.find((name) => name === values.size);
if (size === undefined) fail(`--size is one of ${sizeNames.join(', ')}, not ${values.size}`);
else if (positionals.length === 0) list(await findBenches([]));
else {
  const found = await findBenches(positionals.includes('all') ? [] : positionals);
  if (found.length === 0) fail(`no bench has ${positionals.join(' or ')} in its name; without arguments they are listed`);
  else await runAll(found, size);
}

function list(found: readonly Found[]): void {
  const width = Math.max(...found.map(({ bench }) => bench.name.length));
  for (const { bench } of found) console.log(`${bench.name.padEnd(width)}  ${bench.question}`);
  console.log('\nnpm run bench -- <words>|all [--size small|full]');
}

async function runAll(found: readonly Found[], size: SizeName): Promise<void> {
  const machine = describeMachine();
  if (machine.loadBefore > 0.5) console.log(`This machine is not idle (load ${machine.loadBefore}): do not quote these figures.`);
  const results: { readonly name: string; readonly size: number; readonly rows: readonly Row[] }[] = [];
  for (const { bench, file } of found) {
    console.log(`\n${bench.name}: ${bench.question}`);
    const rows = await runOne(file, size);
    if (rows === null) {
      console.log(`${bench.name} failed: see above`);
      process.exitCode = 1;
      continue;
    }
    console.table(rows);
    results.push({ name: bench.name, size: bench.sizes[size], rows });
  }
  mkdirSync(resultsDir, { recursive: true });
  const at = new Date().toISOString();
  const file = join(resultsDir, `${at.slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ at, size, machine, results }, null, 2)}\n`);
  console.log(`\n${file}`);
}

/** Null when it failed. */
function runOne(file: URL, size: SizeName): Promise<readonly Row[] | null> {
  return new Promise((resolve) => {
    const child = fork(one, [file.href, size]);
    let rows: readonly Row[] | null = null;
    child.on('message', (message: { readonly rows: readonly Row[] }) => {
      rows = message.rows;
    });
    child.on('exit', (code) => resolve(code === 0 ? rows : null));
  });
}

function fail(reason: string): void {
  console.error(reason);
  process.exitCode = 1;
}
