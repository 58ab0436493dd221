import t from 'tap';
import { Backlog } from '../../../engine/actor/firing/backlog.js';
import { DueHeap } from '../../../engine/actor/firing/due-heap.js';
import type { Handle, Sequence } from '../../../engine/kernel/brand.js';

const origin = 'https://one.test';

function setup() {
  const gone = new Set<number>();
  const backlog = new Backlog(({ handle }) => !gone.has(handle));
  const enter = (handle: number, { priority = 5, dueAtMs = handle }: { priority?: number; dueAtMs?: number } = {}) =>
    backlog.enter(origin, { actor: 0, handle: handle as Handle, priority, dueAtMs, bodySeq: 1 as Sequence });
  const leave = (handle: number) => {
    gone.add(handle);
    return backlog.leave(origin);
  };
  const ask = () => {
    let wanted = 0;
    backlog.ask((_origin, count) => {
      wanted += count;
    });
    return wanted;
  };
  return { backlog, enter, leave, ask };
}

t.test('a heap gives entries by their due time, against a sorted list', async (t) => {
  const heap = new DueHeap();
  const model: { entry: number; dueAtMs: number }[] = [];
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const wrong: string[] = [];
  for (let step = 0; step < 20_000; step++) {
    if (random(5) < 3) {
      const dueAtMs = random(500);
      heap.push(step, dueAtMs);
      model.push({ entry: step, dueAtMs });
    } else if (model.length > 0) {
      model.sort((one, other) => one.dueAtMs - other.dueAtMs || one.entry - other.entry);
      const expected = model.shift()!.entry;
      if (heap.first() !== expected) wrong.push(`step ${step}: ${heap.first()}, expected ${expected}`);
      heap.shift();
    }
    if (heap.size !== model.length) wrong.push(`step ${step}: ${heap.size} entries, expected ${model.length}`);
  }
  t.same(wrong.slice(0, 3), []);
});

t.test('the highest priority goes first, then the earliest deadline', async (t) => {
  const { backlog, enter } = setup();
  enter(1, { dueAtMs: 30 });
  enter(2, { dueAtMs: 10 });
  enter(3, { priority: 9, dueAtMs: 99 });
  t.same(
    [3, 2, 1],
    [1, 2, 3].map(() => backlog.take(origin)!.handle),
  );
  t.equal(backlog.take(origin), null);
  t.equal(backlog.size, 0);
});

t.test('slots are asked for once, and taken back only if they were asked for', async (t) => {
  const { backlog, enter, leave, ask } = setup();
  for (let handle = 1; handle <= 5; handle++) enter(handle);
  t.equal(leave(1), false, 'nobody has asked yet');
  t.equal(ask(), 4);
  t.equal(ask(), 0);
  t.equal(leave(2), true);
  t.equal(backlog.take(origin)!.handle, 3);
  backlog.unask(origin, 1);
  t.ok(backlog.hasUnasked);
  t.equal(ask(), 1, 'of two that wait one is still asked for');
});

t.test('a grant that meets too many who are gone is asked for again, and no call takes long', async (t) => {
  const { backlog, enter, leave, ask } = setup();
  for (let handle = 1; handle <= 3_000; handle++) enter(handle);
  ask();
  for (let handle = 1; handle < 3_000; handle++) leave(handle);
  t.equal(backlog.take(origin), null);
  t.equal(ask(), 1);
  backlog.take(origin);
  ask();
  t.equal(backlog.take(origin)!.handle, 3_000);
});

t.test('one that was changed while it waited has its turn by its new priority alone', async (t) => {
  const stampNow = new Map([
    [1, 7],
    [2, 3],
  ]);
  const backlog = new Backlog(({ handle, stamp }) => stampNow.get(handle) === stamp);
  const enter = (handle: number, priority: number, bodySeq: number) =>
    backlog.enter(origin, { actor: 0, handle: handle as Handle, priority, dueAtMs: 5, bodySeq: bodySeq as Sequence });
  enter(1, 9, 7);
  enter(2, 5, 3);
  // It leaves while the change is on its way to the disk, and comes back less urgent.
  stampNow.set(1, 8);
  backlog.leave(origin);
  enter(1, 0, 8);
  t.equal(backlog.take(origin)?.handle, 2);
  t.equal(backlog.take(origin)?.handle, 1);
  t.equal(backlog.take(origin), null);
});
