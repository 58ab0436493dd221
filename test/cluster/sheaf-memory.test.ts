import t from 'tap';
import { SheafMemory } from '../../engine/cluster/sheaf-memory.js';

const sheafOf = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

t.test("what is kept is a copy, and its memory is another one's only when it was given back", async (t) => {
  const memory = new SheafMemory();
  const sheaf = sheafOf(20_000, 1);
  const first = memory.keep(sheaf);
  sheaf.fill(9);
  const second = memory.keep(sheafOf(10_000, 2));
  t.not(second.buffer, first.buffer);
  t.same([...first], [...sheafOf(20_000, 1)]);
  memory.free(first);
  const third = memory.keep(sheafOf(5_000, 3));
  t.equal(third.buffer, first.buffer, 'used again');
  t.same([...third], [...sheafOf(5_000, 3)]);
  t.same([...second], [...sheafOf(10_000, 2)]);
});

t.test('what is large or small has memory of its own size, which nobody else gets', async (t) => {
  const memory = new SheafMemory();
  for (const bytes of [100, 100_000]) {
    const kept = memory.keep(sheafOf(bytes, 7));
    t.equal(kept.buffer.byteLength, bytes);
    memory.free(kept);
    t.not(memory.keep(sheafOf(bytes, 8)).buffer, kept.buffer);
  }
});

t.test('beyond a bound nothing is held for later', async (t) => {
  const memory = new SheafMemory();
  const kept = Array.from({ length: 200 }, () => memory.keep(sheafOf(30_000, 1)));
  for (const each of kept) memory.free(each);
  const again = new Set(Array.from({ length: 200 }, () => memory.keep(sheafOf(30_000, 2)).buffer));
  t.equal(kept.filter(({ buffer }) => again.has(buffer)).length, 128);
});
