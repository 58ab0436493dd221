/** `bench/results/`: one folder for each call of `npm run bench`, with a JSON file for each bench and its plots beside it. Not committed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.js';
import { picturesOf } from './plot.js';
import type { Result } from './result.js';

const root = join(import.meta.dirname, '..', '..', '..', 'bench', 'results');

export class ResultFolder {
  readonly path = join(root, new Date().toISOString().slice(0, 19).replaceAll(':', '-'));

  write(bench: Bench, result: Result): void {
    mkdirSync(this.path, { recursive: true });
    writeResult(join(this.path, `${bench.name}.json`), result);
    for (const { name, svg } of picturesOf(bench, result)) writeFileSync(join(this.path, name), svg);
  }
}

/** Of every call that is still there. */
export function allResults(): Result[] {
  if (!existsSync(root)) return [];
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  return files.map((name) => readResult(join(root, name)));
}

export function readResult(file: string): Result {
  return JSON.parse(readFileSync(file, 'utf8')) as Result;
}

/** A line for each row and curve, so that a diff shows what has changed. */
export function writeResult(file: string, result: Result): void {
  const text = JSON.stringify(result, null, 1)
    .replaceAll(/\n {4,}/g, ' ')
    .replaceAll(/\n {3}([\]}])/g, ' $1');
  writeFileSync(file, `${text}\n`);
}
