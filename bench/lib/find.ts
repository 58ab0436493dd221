/** The benches of this build, by name. */
import { readdirSync } from 'node:fs';
import type { Bench } from './bench.js';

const build = new URL('../', import.meta.url);
const folders = ['micro', 'load', 'peers'];

export interface Found {
  readonly bench: Bench;
  readonly file: URL;
}

/** Those whose name contains one of `words`; all without any. Sorted by folder, then name. */
export async function findBenches(words: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const folder of folders) {
    const names = readdirSync(new URL(`${folder}/`, build)).filter((name) => /\.(bench|load)\.js$/.test(name));
    for (const name of names.sort()) {
      const file = new URL(`${folder}/${name}`, build);
      const { bench } = (await import(file.href)) as { readonly bench: Bench };
      if (words.length === 0 || words.some((word) => bench.name.includes(word))) found.push({ bench, file });
    }
  }
  return found;
}
