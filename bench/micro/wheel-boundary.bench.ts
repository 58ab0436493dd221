/**
 * How long does a turn take while a slot with a million entries ("tomorrow, 09:00") is distributed and then fires?
 *
 * Milliseconds per turn of one wheel: `advance` with a budget of entries, then one slice of due entries. No tick may be
 * delayed by more than 2 ms, so the slowest turn should stay below 2 and the 99th percentile below 1. `scattered`: handles
 * in random order, so that every step along a list meets cold memory, the worst that a long uptime can do.
 *
 *   npm run bench -- wheel-boundary
 */
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { dueMax } from '../../engine/kernel/limits.js';
import { DueSlice } from '../../engine/wheel/due-slice.js';
import { Wheel } from '../../engine/wheel/wheel.js';
import { type Bench, measured } from '../lib/bench.js';

const start = 1_760_000_000_000 as Tick;
const aheadMs = 86_400_000;
const budgets = [2_000, 4_000, 8_000];

export interface BoundaryResult {
  readonly handles: 'in order' | 'scattered';
  readonly budget: number;
  readonly turns: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** Of all turns that distributed. */
  readonly nsPerMove: number;
}

export function run({ size }: { readonly size: number }): BoundaryResult[] {
  return budgets.flatMap((budget) => [
    cross({ handles: 'in order', budget, size }),
    cross({ handles: 'scattered', budget, size }),
  ]);
}

function cross(load: {
  readonly handles: 'in order' | 'scattered';
  readonly budget: number;
  readonly size: number;
}): BoundaryResult {
  const wheel = new Wheel(start);
  // An odd step visits every handle of a power of two once, far apart.
  const rows = 2 ** Math.ceil(Math.log2(load.size));
  const step = load.handles === 'in order' ? 1 : 611_953;
  for (let at = 0; at < load.size; at++) wheel.insert(((at * step) % rows) as Handle, (start + aheadMs) as Tick, 5);
  const wheels = [wheel];
  const slice = new DueSlice(dueMax);
  const turnMs: number[] = [];
  let moves = 0;
  let movingMs = 0;
  for (let next = wheel.nextDeadline(); next !== null; next = wheel.nextDeadline()) {
    const now = Math.max(next, wheel.now + 1) as Tick;
    const began = performance.now();
    const moved = wheel.advance(now, load.budget);
    const distributed = performance.now();
    slice.take(wheels);
    slice.endTurn(wheels);
    turnMs.push(performance.now() - began);
    if (moved > 0) movingMs += distributed - began;
    moves += moved;
  }
  turnMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    Number(turnMs[Math.min(turnMs.length - 1, Math.floor(turnMs.length * share))]!.toFixed(3));
  const nsPerMove = Math.round((movingMs * 1e6) / Math.max(1, moves));
  return {
    handles: load.handles,
    budget: load.budget,
    turns: turnMs.length,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    slowestMs: at(1),
    nsPerMove,
  };
}

const sizes = { small: 50_000, full: 1_000_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'wheel-boundary',
  question: 'How long does a turn take while a slot with very many entries is distributed and then fires?',
  sizes,
  plots: [
    { kind: 'sizes', title: 'Wheel: the slowest turn, by what a turn may move', x: 'budget', y: 'slowestMs', series: 'handles' },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(run({ size }));
  },
};
