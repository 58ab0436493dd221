/**
 * `npm run bench -- report`: what the documents show of the benches.
 *
 * The newest full result of each bench is copied to `docs/benchmarks/` with its plots, unless what lies there is newer; then every block
 *
 *     <!-- bench: NAME -->  ...  <!-- /bench -->
 *
 * of the documents is written anew from there, `headlines` being the table of `headlines.ts`. The words around the blocks are people's.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { Bench } from '../lib/bench.js';
import { findBenches } from '../lib/find.js';
import { captionOf, picturesOf } from '../lib/plot.js';
import type { Result } from '../lib/result.js';
import { allResults, readResult, writeResult } from '../lib/result-folder.js';
import { headlineTable } from './headlines.js';
import { tableOf } from './table.js';

const root = join(import.meta.dirname, '..', '..', '..');
const published = join(root, 'docs', 'benchmarks');
export const documents = [join(root, 'docs', 'benchmarks.md'), join(root, 'README.md')] as const;
export const block = /(<!-- bench: ([a-z0-9-]+) -->\n)([\s\S]*?)(<!-- \/bench -->)/g;

/** Returns what was done, a line each. */
export async function report(): Promise<string[]> {
  const benches = new Map((await findBenches([])).map(({ bench }) => [bench.name, bench]));
  mkdirSync(published, { recursive: true });
  const copied = publish(newestOf(allResults()), benches);
  const results = publishedResults();
  for (const file of documents) {
    const folder = dirname(file);
    const filled = readFileSync(file, 'utf8').replaceAll(
      block,
      (_all, open: string, name: string, _old: string, close: string) => {
        return `${open}${contentOf(name, { folder, benches, results })}${close}`;
      },
    );
    writeFileSync(file, filled);
  }
  return [...copied.map((name) => `${name}: new figures`), ...documents.map((file) => relative(root, file))];
}

/** By the name of their bench. */
export function publishedResults(): Map<string, Result> {
  if (!existsSync(published)) return new Map();
  const files = readdirSync(published).filter((name) => name.endsWith('.json'));
  const results = files.map((name) => readResult(join(published, name)));
  return new Map(results.map((result) => [result.name, result]));
}

function newestOf(results: readonly Result[]): Map<string, Result> {
  const newest = new Map<string, Result>();
  for (const result of results) {
    if (result.size === 'full' && (newest.get(result.name)?.at ?? '') < result.at) newest.set(result.name, result);
  }
  return newest;
}

/** Returns the names of those that were newer than what was published. */
function publish(newest: ReadonlyMap<string, Result>, benches: ReadonlyMap<string, Bench>): string[] {
  const before = publishedResults();
  const copied: string[] = [];
  for (const [name, result] of newest) {
    const bench = benches.get(name);
    if (bench === undefined || (before.get(name)?.at ?? '') >= result.at) continue;
    writeResult(join(published, `${name}.json`), result);
    for (const { name: file, svg } of picturesOf(bench, result)) writeFileSync(join(published, file), svg);
    copied.push(name);
  }
  return copied.sort();
}

interface Sources {
  /** Of the document: pictures are named from there. */
  readonly folder: string;
  readonly benches: ReadonlyMap<string, Bench>;
  readonly results: ReadonlyMap<string, Result>;
}

function contentOf(name: string, { folder, benches, results }: Sources): string {
  if (name === 'headlines') return headlineTable(results);
  const bench = benches.get(name);
  if (bench === undefined) throw new Error(`a document shows the bench ${name}, which does not exist`);
  const result = results.get(name);
  if (result === undefined) return 'Not measured yet.\n';
  const pictures = picturesOf(bench, result).map(({ name: file, title }) => {
    return `![${title}](${relative(folder, join(published, file)).split(sep).join('/')})\n`;
  });
  return [`${tableOf(result.median.rows)}\n${captionOf(result)}\n`, ...pictures].join('\n');
}
