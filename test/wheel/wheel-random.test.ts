/** The wheel against a sorted array, over long random histories. A failure names its seed. */
import t from 'tap';
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { type DueLane, Wheel } from '../../engine/wheel/wheel.js';
import { checkWheel } from './check-wheel.js';
import { Random } from './random.js';
import { WheelModel } from './wheel-model.js';

const start = 1_760_000_000_000;
const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;
const year = 366 * day;
const lanes = ['fresh', 'backlog'] as const satisfies readonly DueLane[];
/** A jump of at most so much keeps the exact order: everything nearer is on level 0. */
const exactJumpMs = 448;
const handles = 400;

function setup(seed: number) {
  const random = new Random(seed);
  const wheel = new Wheel(start as Tick);
  const model = new WheelModel(start);
  const out = new Int32Array(handles);
  return {
    random,
    wheel,
    model,
    /** Insert, remove or insert anew: the same on both sides. */
    change: () => {
      const handle = random.below(handles);
      const known = model.entries.get(handle);
      if (wheel.contains(handle as Handle) !== (known !== undefined)) throw new Error(`contains(${handle})`);
      if (known !== undefined) {
        if (wheel.deadline(handle as Handle) !== known.tick) throw new Error(`deadline(${handle})`);
        wheel.remove(handle as Handle);
        model.remove(handle);
        if (random.next() < 0.5) return;
      } else if (wheel.remove(handle as Handle)) throw new Error(`remove(${handle}) found something`);
      const tick = wheel.now + aheadMs(random);
      const rank = random.below(10);
      wheel.insert(handle as Handle, tick as Tick, rank);
      model.insert(handle, tick, rank);
    },
    take: (lane: DueLane, rank: number, limit: number): number[] => {
      const count = wheel.takeDue({ lane, rank, out, at: 0, limit });
      return [...out.subarray(0, count)];
    },
  };
}

/** From overdue to years ahead, with many equal ticks and many on the edges of slots and windows. */
function aheadMs(random: Random): number {
  const kind = random.below(8);
  if (kind === 0) return -random.below(3);
  if (kind === 1) return random.below(8);
  if (kind === 2) return 64 * random.below(12) + random.below(3) - 1;
  if (kind === 3) return 4_096 * random.below(12) + random.below(3) - 1;
  return random.below(random.pick([700, 40 * second, hour, 3 * day, 10 * year]));
}

t.test('with small steps the order is exact: rank, then turn, then deadline, then arrival', (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const { random, wheel, model, change, take } = setup(seed);
    for (let step = 0; step < 400; step++) {
      for (let count = random.below(6); count > 0; count--) change();
      const now = wheel.now + random.below(random.pick([2, 20, exactJumpMs + 1]));
      wheel.advance(now as Tick, Number.POSITIVE_INFINITY);
      model.advance(now);
      for (const lane of lanes) {
        for (let rank = 9; rank >= 0; rank--) {
          const expected = model.due(lane, rank);
          if (((wheel.dueRanks(lane) >>> rank) & 1) !== (expected.length > 0 ? 1 : 0))
            t.fail(`seed ${seed}, step ${step}: dueRanks of ${lane}`);
          const limit = random.below(4);
          const found = take(lane, rank, limit);
          const wanted = expected.slice(0, limit).map((entry) => entry.handle);
          if (found.join() !== wanted.join())
            t.fail(`seed ${seed}, step ${step}, ${lane} ${rank}: found ${found}, expected ${wanted}`);
          for (const handle of found) model.remove(handle);
        }
      }
      if (random.next() < 0.7) {
        wheel.endTurn();
        model.endTurn();
      }
      if (step % 40 === 0) checkWheel(wheel);
    }
  }
  t.end();
});

t.test('over jumps of hours and years, with a tiny budget, nothing is lost, early or of the wrong rank', (t) => {
  for (let seed = 101; seed <= 140; seed++) {
    const { random, wheel, model, change, take } = setup(seed);
    for (let step = 0; step < 300; step++) {
      for (let count = random.below(8); count > 0; count--) change();

      const next = wheel.nextDeadline();
      const earliest = model.nextDeadline();
      if ((next === null) !== (earliest === null) || (next !== null && next > earliest!)) {
        t.fail(`seed ${seed}, step ${step}: nextDeadline says ${next}, the next one is ${earliest}`);
      }

      const jump = random.pick([0, 1, 3, 50, 600, second, 20 * second, hour, day, year / 4]);
      const now = random.next() < 0.2 && next !== null ? next : wheel.now + random.below(jump + 1);
      const budget = random.pick([0, 1, 3, 20]);
      const moved = wheel.advance(now as Tick, budget);
      if (moved > budget) t.fail(`seed ${seed}, step ${step}: ${moved} entries moved of at most ${budget}`);
      model.advance(now);
      if (random.next() < 0.2) {
        for (let calls = 0; wheel.behind; calls++) {
          wheel.advance(now as Tick, 50);
          if (calls > handles) throw new Error(`seed ${seed}, step ${step}: it never catches up`);
        }
        const overdue = [...model.entries.values()].filter((entry) => entry.tick <= model.now).length;
        if (wheel.dueCount !== overdue) t.fail(`seed ${seed}, step ${step}: ${wheel.dueCount} due, expected ${overdue}`);
      }

      for (const lane of lanes) {
        const rank = random.below(10);
        for (const handle of take(lane, rank, random.below(10))) {
          const entry = model.entries.get(handle);
          if (entry === undefined) throw new Error(`seed ${seed}, step ${step}: handle ${handle} came out but was not in`);
          if (entry.tick > model.now) t.fail(`seed ${seed}, step ${step}: handle ${handle} is early`);
          if (entry.rank !== rank) t.fail(`seed ${seed}, step ${step}: handle ${handle} has rank ${entry.rank}, came as ${rank}`);
          model.remove(handle);
        }
      }
      if (random.next() < 0.5) wheel.endTurn();
      if (wheel.size !== model.entries.size)
        t.fail(`seed ${seed}, step ${step}: size ${wheel.size}, expected ${model.entries.size}`);
      if (step % 30 === 0) checkWheel(wheel);
    }
  }
  t.end();
});
