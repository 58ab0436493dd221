/**
 * `npm run torture -- --rounds N [--seed S] [--minutes M] [--rate R]`: as many rounds as you have patience for.
 *
 * Prints a line for each round and a verdict with figures. Exit code 1 if any promise was broken; the data directory then
 * stays where it is. A seed fixes what is asked for and when the kills come, not how the machine interleaves it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { torture } from './torture.js';

const violationsShown = 20;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '0' },
    rate: { type: 'string', default: '800' },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const endAtMs = Date.now() + Number(values.minutes) * 60_000;

const dataDir = mkdtempSync(join(tmpdir(), 'escapement-torture-'));
console.log(`seed ${seed}, data in ${dataDir}`);
const { violations, figures } = await torture({
  dataDir,
  seed,
  more: (round) => round < rounds || Date.now() < endAtMs,
  eventsPerSecond: Number(values.rate),
  loadMs: [200, 3_000],
  report: (line) => console.log(line),
});
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations.slice(0, violationsShown)) console.log(`BROKEN: ${violation}`);
if (violations.length === 0) {
  rmSync(dataDir, { recursive: true });
  console.log(`every promise was kept through ${figures.kills} kills`);
} else {
  console.log(`${violations.length} broken promises; seed ${seed}, data in ${dataDir}`);
  process.exitCode = 1;
}
