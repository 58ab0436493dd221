import t from 'tap';
import { BodyStore } from '../../engine/actor/body-store.js';
import { Random } from '../wheel/random.js';

const MiB = 1024 * 1024;

t.test('bodies come back as they were put there, whatever else comes and goes', async (t) => {
  const random = new Random(77);
  const store = new BodyStore(64 * MiB);
  const model = new Map<number, Uint8Array>();
  let sum = 0;
  /** Taken in this turn, and looked at until its end. */
  let taken: [Uint8Array, Uint8Array][] = [];
  let turns = 0;
  const ramp = Uint8Array.from({ length: 100_256 }, (_, at) => at & 0xff);
  for (let step = 0; step < 60_000; step++) {
    if (model.size === 0 || random.next() < (model.size < 2_000 ? 0.6 : 0.4)) {
      const length = random.next() < 0.01 ? random.below(100_000) : random.below(600);
      const body = ramp.slice(step & 0xff, (step & 0xff) + length);
      model.set(store.put(body, step), body);
      sum += length;
    } else {
      // Mostly the oldest.
      const slot = random.next() < 0.9 ? model.keys().next().value! : random.pick([...model.keys()]);
      const body = model.get(slot)!;
      model.delete(slot);
      sum -= body.length;
      if (random.next() < 0.2) store.drop(slot);
      else taken.push([store.take(slot), body]);
    }
    if (random.next() > 0.02) continue;
    if (taken.some(([view, body]) => Buffer.compare(view, body) !== 0)) t.fail(`a body has changed in turn ${turns}`);
    taken = [];
    turns++;
    store.endTurn();
  }
  t.equal(store.bytes, sum);
  t.equal(
    [...model].every(([slot, body]) => Buffer.compare(store.take(slot), body) === 0),
    true,
  );
  t.equal(store.bytes, 0);
  t.ok(turns > 500);
});

t.test('a mark is that of the body in its slot', async (t) => {
  const store = new BodyStore(MiB);
  const first = store.put(new Uint8Array(10), 7);
  const second = store.put(new Uint8Array(10), 8);
  t.same(
    [first, second].map((slot) => store.markOf(slot)),
    [7, 8],
  );
  store.drop(first);
  t.equal(store.markOf(store.put(new Uint8Array(10), 9)), 9);
  t.equal(store.markOf(second), 8);
});

t.test('few bodies that stay do not hold on to the memory of those that came with them', async (t) => {
  const store = new BodyStore(64 * MiB);
  const staying: number[] = [];
  for (let round = 0; round < 200; round++) {
    const leaving = Array.from({ length: 1_000 }, () => store.put(new Uint8Array(200).fill(round), 0));
    staying.push(leaving.pop()!);
    for (const slot of leaving) store.drop(slot);
    store.endTurn();
  }
  t.equal(store.bytes, 200 * 200);
  // 40 kB stay of 40 MB.
  t.ok(store.memoryBytes <= 512 * 1024, `${store.memoryBytes}`);
  t.same(
    staying.map((slot) => store.take(slot)[199]),
    Array.from({ length: 200 }, (_, round) => round),
  );
});

t.test('a large body has memory of its own, which goes with it', async (t) => {
  const store = new BodyStore(64 * MiB);
  store.put(new Uint8Array(100), 0);
  const before = store.memoryBytes;
  const slot = store.put(new Uint8Array(262_144), 0);
  t.equal(store.memoryBytes, before + 262_144);
  store.drop(slot);
  t.equal(store.memoryBytes, before);
});

t.test('memory that is used again is not given out while what was taken from it is looked at', async (t) => {
  const store = new BodyStore(64 * MiB);
  const slots = Array.from({ length: 1_000 }, () => store.put(new Uint8Array(1_000).fill(1), 0));
  const views = slots.map((slot) => store.take(slot));
  for (let more = 0; more < 1_000; more++) store.put(new Uint8Array(1_000).fill(2), 0);
  t.equal(
    views.every((view) => view[0] === 1 && view[999] === 1),
    true,
  );
  const before = store.memoryBytes;
  store.endTurn();
  for (let more = 0; more < 100; more++) store.put(new Uint8Array(1_000).fill(3), 0);
  t.equal(
    views.some((view) => view[0] === 3),
    true,
    'after the end of the turn it is',
  );
  t.ok(store.memoryBytes >= before);
});

t.test('it is spent in bytes, and in memory', async (t) => {
  const store = new BodyStore(10_000);
  const first = store.put(new Uint8Array(9_999), 0);
  t.equal(store.isSpent, false);
  const second = store.put(new Uint8Array(1), 0);
  t.equal(store.isSpent, true);
  store.drop(first);
  t.equal(store.isSpent, false);
  store.drop(second);
  t.equal(new BodyStore(0).isSpent, true);
  // Of each chunk an eighth stays: not so little that it would be emptied.
  const holed = new BodyStore(40_000);
  for (let chunks = 0; chunks < 2; chunks++) {
    const slots = Array.from({ length: 64 }, () => holed.put(new Uint8Array(1_024), 0));
    for (const slot of slots.slice(8)) holed.drop(slot);
  }
  t.equal(holed.bytes, 16 * 1_024);
  t.equal(holed.isSpent, false);
  holed.put(new Uint8Array(1_024), 0);
  t.equal(holed.isSpent, true, 'three chunks');
});
