/** Runs one bench in a process of its own, started by `bench/main.ts`, and sends its figures back: no bench warms up or litters for another. */
import type { Bench, SizeName } from './bench.js';

const [file, size] = process.argv.slice(2) as [string, SizeName];
const { bench } = (await import(file)) as { readonly bench: Bench };
const measured = await bench.measure(bench.sizes[size]);
process.send!(measured, () => process.disconnect());
