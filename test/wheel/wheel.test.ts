import t from 'tap';
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { horizonTick, levels } from '../../engine/wheel/geometry.js';
import { type DueLane, Wheel } from '../../engine/wheel/wheel.js';
import { checkWheel } from './check-wheel.js';

const start = 1_760_000_000_000;
const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;
const year = 366 * day;
const plenty = 1_000_000;

function setup() {
  const wheel = new Wheel(start as Tick);
  const out = new Int32Array(1_000);
  return {
    wheel,
    insert: (handle: number, tick: number, rank = 5) => wheel.insert(handle as Handle, tick as Tick, rank),
    remove: (handle: number) => wheel.remove(handle as Handle),
    advance: (tick: number, budget = plenty) => wheel.advance(tick as Tick, budget),
    take: (lane: DueLane = 'fresh', limit = 1_000): number[] => {
      const taken: number[] = [];
      for (let rank = 9; rank >= 0; rank--) {
        const count = wheel.takeDue({ lane, rank, out, at: 0, limit: limit - taken.length });
        taken.push(...out.subarray(0, count));
      }
      return taken;
    },
  };
}

t.test('an entry comes out in its own millisecond, whatever the distance', (t) => {
  for (const ahead of [1, 63, 64, 448, 511, 512, 513, second, 33 * second, hour, day, 99 * day, year, 10 * year]) {
    const { wheel, insert, advance, take } = setup();
    insert(7, start + ahead);
    let wakes = 0;
    for (let next = wheel.nextDeadline(); next !== null && !wheel.hasDue; next = wheel.nextDeadline()) {
      t.ok(next <= start + ahead && next > wheel.now, `woken in time for ${ahead}`);
      if (next === start + ahead) {
        advance(next - 1);
        t.equal(wheel.hasDue, false, `not a millisecond early after ${ahead}`);
      }
      advance(next);
      wakes++;
    }
    checkWheel(wheel);
    t.equal(wheel.now, start + ahead);
    t.same(take(), [7]);
    t.ok(wakes <= 7, `an idle owner sleeps: ${wakes} wakes for ${ahead} ms`);
    t.equal(wheel.nextDeadline(), null);
  }
  t.end();
});

t.test('entries of one tick come out by rank, highest first, then as they arrived', (t) => {
  const { insert, advance, take } = setup();
  insert(1, start + 5_000, 0);
  insert(2, start + 5_000, 9);
  insert(3, start + 5_000, 5);
  insert(4, start + 5_000, 9);
  advance(start + 4_900);
  insert(5, start + 5_000, 9);
  insert(6, start + 5_000, 5);
  advance(start + 5_000);
  t.same(take(), [2, 4, 5, 3, 6, 1]);
  t.end();
});

t.test('a tick that is not after now is due at once', (t) => {
  const { wheel, insert, take } = setup();
  insert(1, start);
  insert(2, start - year);
  insert(3, -5);
  insert(4, start + 1);
  t.equal(wheel.dueCount, 3);
  t.equal(wheel.nextDeadline(), start);
  checkWheel(wheel);
  t.same(take(), [1, 2, 3]);
  t.end();
});

t.test('a cancelled entry does not come out, also when its tick has come', (t) => {
  const { wheel, insert, advance, remove, take } = setup();
  for (let handle = 0; handle < 6; handle++) insert(handle, start + 10 + (handle % 2) * 100_000);
  t.ok(remove(2), 'waiting in a near slot');
  t.ok(remove(3), 'waiting in a coarse slot');
  advance(start + 200_000);
  t.ok(remove(0), 'due');
  t.ok(remove(5), 'due by a jump over its coarse slot');
  t.notOk(remove(0), 'a second cancel finds nothing');
  t.notOk(remove(100_000_000), 'nor does one of an unknown handle');
  checkWheel(wheel);
  t.equal(wheel.dueCount, 2);
  wheel.endTurn();
  t.ok(remove(1), 'left over from an earlier turn');
  checkWheel(wheel);
  t.same(take('backlog'), [4]);
  t.equal(wheel.size, 0);
  t.end();
});

t.test('a handle can be used again as soon as its entry has left', (t) => {
  const { wheel, insert, advance, remove, take } = setup();
  insert(1, start + 10);
  t.throws(() => insert(1, start + 20), InvariantError, 'but not before');
  remove(1);
  insert(1, start + hour, 3);
  t.equal(wheel.deadline(1 as Handle), start + hour);
  advance(start + 10);
  t.same(take(), []);
  advance(start + hour);
  t.same(take(), [1]);
  t.notOk(wheel.contains(1 as Handle));
  insert(1, start + hour + 1);
  advance(start + hour + 1);
  t.same(take(), [1]);
  checkWheel(wheel);
  t.end();
});

t.test('time that goes back is ignored', (t) => {
  const { wheel, insert, advance, take } = setup();
  insert(1, start + 100);
  advance(start + 50);
  advance(start - hour);
  t.equal(wheel.now, start + 50);
  insert(2, start + 50);
  t.same(take(), [2], 'what is due by the latest time is due');
  advance(start + 100);
  t.same(take(), [1]);
  t.end();
});

t.test('a jump of any length brings out everything that it passes, in one call and without distributing it', (t) => {
  for (const jump of [10 * second, hour, day, 9 * year]) {
    const { wheel, insert, advance, take } = setup();
    for (let handle = 0; handle < 500; handle++) insert(handle, start + Math.floor(((handle + 1) * jump) / 500), handle % 10);
    insert(999, start + jump + 1);
    t.ok(advance(start + jump) <= 100, 'only the slots around now are distributed');
    t.equal(wheel.dueCount, 500);
    checkWheel(wheel);
    const taken = take();
    t.equal(taken.length, 500);
    for (let at = 1; at < taken.length; at++) {
      const before = taken[at - 1]!;
      const handle = taken[at]!;
      // Within a rank in order of coarse slots, none wider than a seventh of the jump.
      if (handle % 10 > before % 10 || (handle % 10 === before % 10 && before > handle + 500 / 7))
        t.fail(`${handle} after ${before}`);
    }
    advance(start + jump + 1);
    t.same(take(), [999]);
  }
  t.end();
});

t.test('what a turn leaves over waits behind what becomes due later', (t) => {
  const { wheel, insert, advance, take } = setup();
  for (let handle = 0; handle < 10; handle++) insert(handle, start + 1, 9);
  insert(10, start + 2, 0);
  advance(start + 1);
  t.same(take('fresh', 4), [0, 1, 2, 3]);
  wheel.endTurn();
  advance(start + 2);
  t.same(take('fresh'), [10]);
  t.same(take('backlog'), [4, 5, 6, 7, 8, 9]);
  t.end();
});

t.test('what is inserted overdue between two turns is not counted as left over', (t) => {
  const { wheel, insert, advance, take } = setup();
  wheel.endTurn();
  insert(1, start - 1);
  advance(start + 1);
  t.same(take('fresh'), [1]);
  t.end();
});

t.test('an entry that is found late, because the wheel is behind, is late but not lost and never early', (t) => {
  const { wheel, insert, advance, take } = setup();
  // Fills one slot of level 2 (4,096 ms wide), the whole of which comes within reach at once.
  const slot = Math.ceil(start / 4_096 + 20) * 4_096;
  for (let handle = 0; handle < 4_000; handle++) insert(handle, slot + handle);
  const out: number[] = [];
  const jumpTo = slot + 2_000;
  t.equal(advance(jumpTo, 100), 100, 'a budget is never exceeded');
  t.ok(wheel.behind);
  t.equal(wheel.nextDeadline(), jumpTo, 'and it says that there is more to do');
  checkWheel(wheel);
  const onTime = take('fresh');
  t.ok(onTime.length > 0, 'what is found in the turn in which it became due is fresh');
  out.push(...onTime);
  wheel.endTurn();
  for (; wheel.behind; wheel.endTurn()) {
    advance(jumpTo, 100);
    checkWheel(wheel);
    t.same(take('fresh'), [], 'what is found afterwards belongs to the backlog');
    out.push(...take('backlog'));
  }
  t.same(
    out.sort((a, b) => a - b),
    Array.from({ length: 2_001 }, (_, index) => index),
  );
  t.end();
});

t.test('when there is more to distribute than the budget allows, the highest rank of the earliest slot goes first', (t) => {
  const { insert, advance, take } = setup();
  const slot = Math.ceil(start / 64 + 20) * 64;
  for (let handle = 0; handle < 100; handle++) insert(handle, slot + 1, 3);
  insert(100, slot + 1, 8);
  for (let handle = 101; handle < 200; handle++) insert(handle, slot + 64, 9);
  advance(slot + 10, 1);
  t.same(take('fresh'), [100]);
  advance(slot + 10, 2);
  t.same(take('fresh'), [0, 1]);
  t.end();
});

t.test('a wheel accepts what its top level reaches and refuses what cannot be', (t) => {
  const { wheel, insert } = setup();
  const end = horizonTick(start as Tick, levels - 1);
  insert(1, end - 1);
  checkWheel(wheel);
  t.throws(() => insert(2, end), InvariantError, 'beyond the top level');
  t.throws(() => insert(2, start + 0.5), InvariantError, 'a fraction of a tick');
  t.throws(() => insert(2, Number.NaN), InvariantError);
  t.throws(() => insert(2, start + 1, 10), InvariantError, 'a rank that does not exist');
  t.throws(() => insert(2, start + 1, -1), InvariantError);
  t.throws(() => insert(-1, start + 1), InvariantError);
  t.throws(() => insert(2 ** 26, start + 1), InvariantError, 'a handle of more than 26 bits');
  t.throws(() => wheel.deadline(2 as Handle), InvariantError);
  insert(3, start);
  t.throws(
    () => wheel.takeDue({ lane: 'fresh', rank: 5, out: new Int32Array(1), at: 0, limit: 2 }),
    InvariantError,
    'no room for them',
  );
  t.throws(() => new Wheel(-1 as Tick), InvariantError);
  t.equal(wheel.size, 2, 'nothing refused has left a trace');
  checkWheel(wheel);
  t.end();
});

t.test('clear forgets every entry and keeps the time', (t) => {
  const { wheel, insert, advance, take } = setup();
  for (let handle = 0; handle < 100; handle++) insert(handle, start + handle * 1_000);
  advance(start + 10_000);
  wheel.clear();
  t.equal(wheel.size, 0);
  t.equal(wheel.hasDue, false);
  t.equal(wheel.nextDeadline(), null);
  t.equal(wheel.now, start + 10_000);
  checkWheel(wheel);
  insert(3, start + 10_001);
  advance(start + 10_001);
  t.same(take(), [3]);
  t.end();
});
