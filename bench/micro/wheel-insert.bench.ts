/**
 * How many entries per second can be inserted into the wheel, and cancelled again?
 *
 * Entries per second of one thread; deadlines at random within the named horizon. Above 10,000,000 is good: at 100,000
 * events/s, more than a partition is asked for, an insert and a cancel of each then cost 2 % of the thread. On the 2-core
 * reference machine, with other work on it: 15-28 M inserts/s, 30-40 M cancels/s in order of arrival, 4 M/s in random order
 * (which is the price of cold memory: each cancel touches its entry and two neighbours).
 *
 *   npm run bench -- wheel-insert
 */
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { Wheel } from '../../engine/wheel/wheel.js';
import { type Bench, decadesUpTo, measured } from '../lib/bench.js';
import { perSecond } from '../lib/rate.js';

const start = 1_760_000_000_000 as Tick;
const horizonsMs = { 'ten seconds': 10_000, 'an hour': 3_600_000, 'a year': 366 * 86_400_000 } as const;

export interface InsertResult {
  readonly horizon: string;
  readonly insertsPerSecond: number;
  readonly cancelsPerSecond: number;
  readonly randomCancelsPerSecond: number;
}

export function run({ size }: { readonly size: number }): InsertResult[] {
  const inOrder = Int32Array.from({ length: size }, (_, handle) => handle);
  const shuffled = shuffle(inOrder.slice());
  return Object.entries(horizonsMs).map(([horizon, horizonMs]) => {
    const ticks = Float64Array.from({ length: size }, () => start + 1 + Math.floor(Math.random() * horizonMs));
    const wheel = new Wheel(start);
    const insertsPerSecond = perSecond(size, () => insertAll(wheel, ticks));
    const cancelsPerSecond = perSecond(size, () => cancelAll(wheel, inOrder));
    insertAll(wheel, ticks);
    const randomCancelsPerSecond = perSecond(size, () => cancelAll(wheel, shuffled));
    return { horizon, insertsPerSecond, cancelsPerSecond, randomCancelsPerSecond };
  });
}

function insertAll(wheel: Wheel, ticks: Float64Array): void {
  for (let handle = 0; handle < ticks.length; handle++) wheel.insert(handle as Handle, ticks[handle] as Tick, 5);
}

function cancelAll(wheel: Wheel, handles: Int32Array): void {
  for (let at = 0; at < handles.length; at++) wheel.remove(handles[at] as Handle);
}

function shuffle(handles: Int32Array): Int32Array {
  for (let at = handles.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    const handle = handles[at]!;
    handles[at] = handles[other]!;
    handles[other] = handle;
  }
  return handles;
}

const sizes = { small: 100_000, full: 1_000_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'wheel-insert',
  question: 'How many entries per second can be inserted into the wheel, and cancelled again?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Wheel: an insert, and a cancel at random, by the entries in it',
      x: 'entries',
      rates: ['insertsPerSecond', 'randomCancelsPerSecond'],
      series: 'horizon',
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(decadesUpTo(size).flatMap((entries) => run({ size: entries }).map((row) => ({ entries, ...row }))));
  },
};
