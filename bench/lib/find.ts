/** The benches of this build, by name. */
import { readdirSync } from 'node:fs';
import type { Bench } from './bench.js';

const build = new URL('../', import.meta.url);
const folders = ['micro', 'load', 'cluster', 'peers'];
const ending = /\.(bench|load)\.js$/;

export interface Found {
  readonly bench: Bench;
  readonly file: URL;
}

interface BenchFile {
  /** Of the bench and of its file. */
  readonly name: string;
  readonly file: URL;
}

/** All there are, sorted by folder, then name. Nothing is loaded: all of them together take half a second. */
export function benchFiles(): BenchFile[] {
  return folders.flatMap((folder) => {
    const files = readdirSync(new URL(`${folder}/`, build)).filter((file) => ending.test(file));
    return files.sort().map((file) => ({ name: file.replace(ending, ''), file: new URL(`${folder}/${file}`, build) }));
  });
}

/** Those whose name is one of `words`, or contains one that is nobody's name; all without any. */
export async function findBenches(words: readonly string[]): Promise<Found[]> {
  const all = benchFiles();
  const isName = (word: string): boolean => all.some(({ name }) => name === word);
  const isMeant = ({ name }: BenchFile): boolean => words.some((word) => (isName(word) ? name === word : name.includes(word)));
  const found: Found[] = [];
  for (const { file } of words.length === 0 ? all : all.filter(isMeant)) {
    const { bench } = (await import(file.href)) as { readonly bench: Bench };
    found.push({ bench, file });
  }
  return found;
}
