/**
 * How evenly do keys spread over partitions, and what does finding the partition of a key cost?
 *
 * Keys as producers write them: counters, which differ in their last digits only, dates with counters, and random ones. `spread` is the
 * fullest partition over the mean: with n keys a partition, chance alone gives about 1 + 3 / sqrt(n). Above 500,000 keys/s is good: one
 * gateway thread does a tenth of that in events.
 *
 *   npm run bench -- partition-hash
 */
import { randomUUID } from 'node:crypto';
import { type EventKey, slotOfKey, tagOfKey } from '../../engine/event/content.js';
import { partitionOf } from '../../engine/kernel/event-id.js';
import { type Bench, measured } from '../lib/bench.js';
import { rate } from '../lib/rate.js';

const textOf: Readonly<Record<string, (index: number) => string>> = {
  counters: (index) => `order-${index}`,
  'dates with counters': (index) =>
    `2026-11-${String(1 + (index % 28)).padStart(2, '0')}/invoice/${String(index).padStart(8, '0')}`,
  random: () => randomUUID(),
};

export interface HashResult {
  readonly keys: string;
  readonly partitions: number;
  readonly spread: number;
  readonly slotsPerSecond: number;
  readonly tagsPerSecond: number;
}

export function run({ size }: { readonly size: number }): HashResult[] {
  return Object.entries(textOf).flatMap(([keys, text]) => {
    const all = Array.from(
      { length: size },
      (_, index): EventKey => ({ kind: 'external', source: 'order-service', text: text(index) }),
    );
    return [4, 64, 1_000].map((partitions) => ({ keys, partitions, ...spreadOf(all, partitions) }));
  });
}

function spreadOf(keys: readonly EventKey[], partitions: number): Omit<HashResult, 'keys' | 'partitions'> {
  const counts = new Uint32Array(partitions);
  const began = performance.now();
  for (let at = 0; at < keys.length; at++) counts[partitionOf(slotOfKey(keys[at]!), partitions)]!++;
  const slotsTook = performance.now() - began;
  let sum = 0;
  for (let at = 0; at < keys.length; at++) sum += tagOfKey(keys[at]!).low & 1;
  const tagsTook = performance.now() - began - slotsTook;
  if (sum === keys.length) throw new Error('every tag is odd');
  const mean = keys.length / partitions;
  return {
    spread: Math.round((Math.max(...counts) / mean) * 1_000) / 1_000,
    slotsPerSecond: rate(keys.length, slotsTook),
    tagsPerSecond: rate(keys.length, tagsTook),
  };
}

const sizes = { small: 20_000, full: 200_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'partition-hash',
  question: 'How evenly do keys spread over partitions, and what does finding the partition of a key cost?',
  sizes,
  measure: (size) => {
    run({ size: sizes.small });
    return measured(run({ size }));
  },
};
