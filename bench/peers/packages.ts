/**
 * The peers' own packages: `bench/peers/package.json`, which nothing of the product depends on and no start or test installs.
 *
 * They are loaded by name when they are there. Each contestant says in a few types what it uses of its package, so that all of this
 * compiles without them.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = join(import.meta.dirname, '..', '..', '..', 'bench', 'peers');
const from = createRequire(join(folder, 'package.json'));

/** Null when it is installed. */
export function packageMissing(name: string): string | null {
  try {
    from.resolve(name);
    return null;
  } catch {
    // Not installed, which is what is asked.
    return `the package ${name}: npm ci --prefix bench/peers`;
  }
}

export async function loadPackage<Exports>(name: string): Promise<Exports> {
  const exports = (await import(pathToFileURL(from.resolve(name)).href)) as Exports & { readonly default?: Exports };
  // What a CommonJS package exports is its default.
  return { ...exports.default, ...exports };
}
