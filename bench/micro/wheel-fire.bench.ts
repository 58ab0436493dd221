/**
 * How many entries per second can leave the wheel, all the way from the level where they were inserted?
 *
 * Entries per second of one thread, turn by turn as a host does it, sleeping to `nextDeadline`. `moves` says how often an
 * entry was moved to a finer slot on average. Above 1,000,000 is good: 50 times the 20,000 events/s of design, so firing
 * costs 2 % of the thread. Deadlines a year apart leave one by one, and what is measured is a whole turn for each.
 *
 * `idle turn`: a turn in which nothing is due. It happens a thousand times a second for each partition, so 200 ns are good:
 * 64 partitions then cost 1.3 % of a thread.
 *
 *   npm run bench -- wheel-fire
 */
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { distributeMax, dueMax } from '../../engine/kernel/limits.js';
import { DueSlice } from '../../engine/wheel/due-slice.js';
import { Wheel } from '../../engine/wheel/wheel.js';
import { type Bench, decadesUpTo, measured } from '../lib/bench.js';

const start = 1_760_000_000_000 as Tick;
const horizonsMs = {
  'a tenth of a second': 100,
  'ten seconds': 10_000,
  'an hour': 3_600_000,
  'a year': 366 * 86_400_000,
} as const;

export interface FireResult {
  readonly horizon: string;
  readonly firedPerSecond: number;
  readonly moves: number;
  readonly turns: number;
}

export function run({ size }: { readonly size: number }): { readonly fired: FireResult[]; readonly idleTurnNs: number } {
  const fired = Object.entries(horizonsMs).map(([horizon, horizonMs]) => fireAll({ horizon, horizonMs, size }));
  return { fired, idleTurnNs: idleTurnNs(size) };
}

function fireAll(load: { readonly horizon: string; readonly horizonMs: number; readonly size: number }): FireResult {
  const wheel = new Wheel(start);
  for (let handle = 0; handle < load.size; handle++) {
    wheel.insert(handle as Handle, (start + 1 + Math.floor(Math.random() * load.horizonMs)) as Tick, handle % 10);
  }
  const wheels = [wheel];
  const slice = new DueSlice(dueMax);
  let fired = 0;
  let moves = 0;
  let turns = 0;
  const began = performance.now();
  for (let next = wheel.nextDeadline(); next !== null; next = wheel.nextDeadline()) {
    moves += wheel.advance(next, distributeMax);
    if (wheel.hasDue) fired += slice.take(wheels);
    slice.endTurn(wheels);
    turns++;
  }
  const seconds = (performance.now() - began) / 1_000;
  return { horizon: load.horizon, firedPerSecond: Math.round(fired / seconds), moves: moves / load.size, turns };
}

/** With 1,000 entries far away. */
function idleTurnNs(turns: number): number {
  const wheel = new Wheel(start);
  for (let handle = 0; handle < 1_000; handle++) wheel.insert(handle as Handle, (start + 1e9 + handle * 777_777) as Tick, 5);
  const wheels = [wheel];
  const slice = new DueSlice(dueMax);
  let sum = 0;
  const began = performance.now();
  for (let turn = 1; turn <= turns; turn++) {
    wheel.advance((start + turn) as Tick, distributeMax);
    sum += slice.take(wheels);
    slice.endTurn(wheels);
    if (wheel.nextDeadline() === null) sum++;
  }
  if (sum !== 0) throw new Error(`expected nothing to be due, found ${sum}`);
  return ((performance.now() - began) * 1e6) / turns;
}

const sizes = { small: 100_000, full: 1_000_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'wheel-fire',
  question: 'How many entries per second can leave the wheel, all the way from the level where they were inserted?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Wheel: an entry on its way out, by the entries in it',
      x: 'entries',
      rates: ['firedPerSecond'],
      series: 'horizon',
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(
      decadesUpTo(size).flatMap((entries) => {
        const { fired, idleTurnNs } = run({ size: entries });
        return fired.map((row) => ({ entries, ...row, idleTurnNs: Math.round(idleTurnNs) }));
      }),
    );
  },
};
