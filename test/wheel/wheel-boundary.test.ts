/**
 * "Tomorrow, 09:00": a million entries in one far slot. What is bounded is the number of entries touched in one call,
 * which is counted; time is measured once, generously, because the machine is shared.
 */
import t, { type Test } from 'tap';
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { dueMax } from '../../engine/kernel/limits.js';
import { DueSlice } from '../../engine/wheel/due-slice.js';
import { Wheel } from '../../engine/wheel/wheel.js';

const start = 1_760_000_000_000;
const million = 1_000_000;
/** Entries distributed per millisecond: 448 ms ahead are enough for a million. */
const budget = 4_000;
/** First tick of a slot of level 3 (262,144 ms wide) about a day ahead. */
const boundary = Math.ceil((start + 86_400_000) / 262_144) * 262_144;

interface Run {
  readonly movedMost: number;
  readonly turnMsMedian: number;
  /** By handle: ms after its tick. Entries of the crowd from 0, of the witnesses from a million. */
  readonly lateMs: Int32Array;
}

/** One turn per simulated millisecond while there is something to do; sleeps to `nextDeadline` otherwise. */
function run(wheel: Wheel): Run {
  const slice = new DueSlice(dueMax);
  const lateMs = new Int32Array(million + 1_000).fill(-1);
  const tickOf = new Float64Array(million + 1_000);
  for (let handle = 0; handle < lateMs.length; handle++)
    if (wheel.contains(handle as Handle)) tickOf[handle] = wheel.deadline(handle as Handle);
  const turnMs: number[] = [];
  let movedMost = 0;
  for (let next = wheel.nextDeadline(); next !== null; next = wheel.nextDeadline()) {
    const now = Math.max(next, wheel.now + 1) as Tick;
    const began = performance.now();
    const moved = wheel.advance(now, budget);
    slice.take([wheel]);
    slice.endTurn([wheel]);
    turnMs.push(performance.now() - began);
    if (turnMs.length > million) throw new Error(`no end after ${turnMs.length} turns, ${wheel.size} entries left`);
    movedMost = Math.max(movedMost, moved);
    for (let index = 0; index < slice.count; index++) {
      const handle = slice.handleAt(index);
      lateMs[handle] = now - tickOf[handle]!;
    }
  }
  const busy = turnMs.sort((a, b) => a - b);
  return { movedMost, turnMsMedian: busy[Math.floor(busy.length / 2)]!, lateMs };
}

function checkRun(t: Test, result: Run, witnesses: number): void {
  t.ok(result.movedMost <= budget, `at most ${result.movedMost} entries moved in a call`);
  t.ok(result.turnMsMedian < 10, `a turn takes ${result.turnMsMedian.toFixed(2)} ms`);
  t.notOk(result.lateMs.subarray(0, million).includes(-1), 'the whole crowd comes out');
  const late = result.lateMs.subarray(million, million + witnesses);
  t.same([...new Set(late)], [0], 'every witness comes out in the turn of its own tick');
}

t.test('a million entries of one millisecond hold up nobody around them', (t) => {
  const wheel = new Wheel(start as Tick);
  const crowdAt = boundary + 131_000;
  for (let handle = 0; handle < million; handle++) wheel.insert(handle as Handle, crowdAt as Tick, 5);
  // The same rank, before and after the crowd: in its slots of every level, and in its very next milliseconds.
  const offsets = [-100_000, -4_000, -500, -60, -1, 1, 2, 3, 60, 64, 100, 400, 900, 4_000, 100_000];
  offsets.forEach((offset, at) => {
    wheel.insert((million + at) as Handle, (crowdAt + offset) as Tick, 5);
  });
  checkRun(t, run(wheel), offsets.length);
  t.end();
});

t.test('a million entries spread over a slot of 64 ms hold up nobody before or after it', (t) => {
  const wheel = new Wheel(start as Tick);
  const slotAt = boundary + 131_072;
  for (let handle = 0; handle < million; handle++) wheel.insert(handle as Handle, (slotAt + (handle % 64)) as Tick, 5);
  const offsets = [-100_000, -64, -1, 64, 65, 66, 127, 128, 500, 100_000];
  offsets.forEach((offset, at) => {
    wheel.insert((million + at) as Handle, (slotAt + offset) as Tick, 5);
  });
  checkRun(t, run(wheel), offsets.length);
  t.end();
});

t.test('a million entries spread over a slot of four seconds hold up nobody around them', (t) => {
  const wheel = new Wheel(start as Tick);
  // 1,000 of them in each of 1,000 ms, so that each turn can take its due and the only question is the distribution.
  for (let handle = 0; handle < million; handle++)
    wheel.insert(handle as Handle, (boundary + 1_500 + (handle % 1_000)) as Tick, 5);
  const witnesses = 500;
  for (let at = 0; at < witnesses; at++) wheel.insert((million + at) as Handle, (boundary + 1_000 + at * 4) as Tick, at % 10);
  const result = run(wheel);
  checkRun(t, result, witnesses);
  t.same([...new Set(result.lateMs.subarray(0, million))], [0], 'the crowd itself is on time');
  t.end();
});
