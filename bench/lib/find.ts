/** The benches of this build, by name. */
import { readdirSync } from 'node:fs';
import type { Bench } from './bench.js';

const build = new URL('../', import.meta.url);
const folders = ['micro', 'load', 'cluster', 'peers'];

export interface Found {
  readonly bench: Bench;
  readonly file: URL;
}

/** Those whose name is one of `words`, or contains one that is nobody's name; all without any. Sorted by folder, then name. */
export async function findBenches(words: readonly string[]): Promise<Found[]> {
  const all: Found[] = [];
  for (const folder of folders) {
    const names = readdirSync(new URL(`${folder}/`, build)).filter((name) => /\.(bench|load)\.js$/.test(name));
    for (const name of names.sort()) {
      const file = new URL(`${folder}/${name}`, build);
      const { bench } = (await import(file.href)) as { readonly bench: Bench };
      all.push({ bench, file });
    }
  }
  if (words.length === 0) return all;
  const isName = (word: string): boolean => all.some(({ bench }) => bench.name === word);
  return all.filter(({ bench: { name } }) => words.some((word) => (isName(word) ? name === word : name.includes(word))));
}
