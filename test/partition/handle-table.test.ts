import t from 'tap';
import type { Handle } from '../../engine/kernel/brand.js';
import { pendingPerPartitionMax } from '../../engine/kernel/limits.js';
import { HandleTable } from '../../engine/partition/handle-table.js';
import { Random } from '../wheel/random.js';

/** A table beside the obvious model: every handle with its hash. `hashes`: how many different ones there are. */
function setup({ seed, hashes }: { seed: number; hashes: number }) {
  const random = new Random(seed);
  const hashOf = new Map<number, number>();
  const table = new HandleTable();
  const stored = new Set<number>();
  const poolOfHashes = Array.from({ length: hashes }, () => random.below(2 ** 32));
  const under = (hash: number): number[] => {
    const found: number[] = [];
    table.find(hash, (handle) => {
      found.push(handle);
      return false;
    });
    return found;
  };
  return {
    random,
    table,
    stored,
    hashOf,
    poolOfHashes,
    add(handle: number) {
      const hash = random.pick(poolOfHashes);
      hashOf.set(handle, hash);
      table.add(hash, handle as Handle);
      stored.add(handle);
    },
    remove(handle: number) {
      const removed = table.remove(hashOf.get(handle)!, handle as Handle);
      if (removed !== stored.delete(handle)) throw new Error(`seed ${seed}: remove(${handle}) gave ${removed}`);
    },
    check() {
      if (table.size !== stored.size) throw new Error(`seed ${seed}: ${table.size} entries, expected ${stored.size}`);
      for (const hash of poolOfHashes) {
        // Others that happen to be probed on the way are the caller's to tell apart.
        const found = under(hash).filter((handle) => hashOf.get(handle) === hash);
        const expected = [...stored].filter((handle) => hashOf.get(handle) === hash);
        if (found.sort().join() !== expected.sort().join()) {
          throw new Error(`seed ${seed}: under ${hash} found ${found.join()}, expected ${expected.join()}`);
        }
      }
    },
  };
}

t.test('it finds exactly what a map would, over random additions and removals', async (t) => {
  for (const hashes of [1, 3, 60, 400]) {
    for (let seed = 1; seed <= 5; seed++) {
      const { random, add, remove, check, stored } = setup({ seed, hashes });
      for (let step = 0; step < 1_500; step++) {
        const handle = random.below(400);
        if (stored.has(handle)) remove(handle);
        else add(handle);
        if (step % 100 === 0) check();
      }
      check();
    }
    t.pass(`${hashes} different hashes`);
  }
});

t.test('what collides in the hash is told apart by the caller', async (t) => {
  const table = new HandleTable();
  for (let handle = 0; handle < 50; handle++) table.add(5, handle as Handle);
  for (let handle = 0; handle < 50; handle++) {
    t.equal(
      table.find(5, (found) => found === handle),
      handle,
    );
  }
  t.ok(table.remove(5, 20 as Handle));
  t.equal(
    table.find(5, (found) => found === 20),
    null,
  );
  t.equal(table.size, 49);
});

t.test('removing what is not there says so and changes nothing', async (t) => {
  const table = new HandleTable();
  t.equal(table.remove(9, 1 as Handle), false);
  table.add(9, 1 as Handle);
  t.equal(table.remove(9, 2 as Handle), false);
  t.equal(table.remove(9, 1 as Handle), true);
  t.equal(table.remove(9, 1 as Handle), false);
  t.equal(table.size, 0);
});

t.test('it grows in small steps: a hundred thousand entries, none of them lost', async (t) => {
  const hash = (handle: number) => Math.imul(handle, 2_654_435_761) >>> 0;
  const table = new HandleTable();
  for (let handle = 0; handle < 100_000; handle++) table.add(hash(handle), handle as Handle);
  let missing = 0;
  for (let handle = 0; handle < 100_000; handle++) if (table.find(hash(handle), (found) => found === handle) === null) missing++;
  t.equal(missing, 0);
  for (let handle = 0; handle < 100_000; handle += 2) table.remove(hash(handle), handle as Handle);
  for (let handle = 0; handle < 100_000; handle++) {
    if ((table.find(hash(handle), (found) => found === handle) === null) !== (handle % 2 === 0)) missing++;
  }
  t.equal(missing, 0);
  t.equal(table.size, 50_000);
});

t.test('the highest handle is found and removed like the lowest, whatever bits its hash has', async (t) => {
  const wrong: string[] = [];
  for (const handle of [0, pendingPerPartitionMax - 1] as Handle[]) {
    const random = new Random(handle + 1);
    for (let round = 0; round < 200; round++) {
      const hash = random.below(2 ** 32);
      const table = new HandleTable();
      table.add(hash, handle);
      if (table.find(hash, () => true) !== handle || !table.remove(hash, handle)) wrong.push(`${handle} under ${hash}`);
      if (table.size !== 0 || table.find(hash, () => true) !== null) wrong.push(`${handle} under ${hash} stays`);
    }
  }
  t.same(wrong, []);
});

t.test('with room made for all that will come, or for fewer, it finds the same', async (t) => {
  const count = 200_000;
  const random = new Random(9);
  const hashes = Uint32Array.from({ length: count }, () => random.below(2 ** 32));
  for (const expected of [0, 1_000, count]) {
    const table = new HandleTable();
    table.expect(expected);
    for (let handle = 0; handle < count; handle++) table.add(hashes[handle]!, handle as Handle);
    const lost = hashes.findIndex((hash, handle) => table.find(hash, (row) => row === handle) !== handle);
    t.equal(lost, -1, `${expected} were expected`);
  }
});

t.test('what waits to be placed is found as soon as anything is looked for, however much waits', async (t) => {
  for (const isAsked of [true, false]) {
    const table = new HandleTable({ isAsked });
    for (const upTo of [3, 300, 5_000]) {
      for (let handle = table.size; handle < upTo; handle++) table.add(handle * 7, handle as Handle);
      t.equal(table.size, upTo);
      const lost = Array.from({ length: upTo }, (_, handle) => handle).filter(
        (handle) => table.find(handle * 7, (found) => found === handle) !== handle,
      );
      t.same(lost, [], `${upTo}, asked: ${isAsked}`);
    }
    table.add(9, 1_000_000 as Handle);
    t.ok(table.remove(9, 1_000_000 as Handle), 'also by whoever takes it away');
  }
});
