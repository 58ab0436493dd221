import t from 'tap';
import { KeptMemory } from '../../engine/kernel/kept-memory.js';

const MiB = 1024 * 1024;
const bytesOf = (length: number, value: number) => new Uint8Array(length).fill(value);

t.test("what is kept is a copy, and its memory is another one's only when it was given back", async (t) => {
  const memory = new KeptMemory(MiB);
  const bytes = bytesOf(20_000, 1);
  const first = memory.keep(bytes);
  bytes.fill(9);
  const second = memory.keep(bytesOf(17_000, 2));
  t.not(second.buffer, first.buffer);
  t.same([...first], [...bytesOf(20_000, 1)]);
  memory.free(first);
  const third = memory.keep(bytesOf(18_000, 3));
  t.equal(third.buffer, first.buffer, 'used again');
  t.same([...third], [...bytesOf(18_000, 3)]);
  t.same([...second], [...bytesOf(17_000, 2)]);
});

t.test('a piece is large enough for whoever gets it next', async (t) => {
  const memory = new KeptMemory(100 * MiB);
  for (const length of [4_096, 4_097, 8_191, 8_192, 8_193, 32_768, 32_769, MiB - 1, MiB]) {
    const kept = memory.keep(bytesOf(length, 1));
    t.equal(kept.length, length);
    memory.free(kept);
    const again = memory.keep(bytesOf(length, 2));
    t.equal(again.buffer, kept.buffer, `${length} bytes: used again`);
    t.ok(bytesOf(length, 2).every((byte, at) => again[at] === byte));
    memory.free(again);
  }
});

t.test('what is large or small has memory of its own size, which nobody else gets', async (t) => {
  const memory = new KeptMemory(100 * MiB);
  for (const length of [0, 100, 4_095, MiB + 1]) {
    const kept = memory.keep(bytesOf(length, 7));
    t.equal(kept.buffer.byteLength, length);
    memory.free(kept);
    t.not(memory.keep(bytesOf(length, 8)).buffer, kept.buffer);
  }
});

t.test('beyond a bound nothing is held for later', async (t) => {
  const memory = new KeptMemory(4 * MiB);
  const kept = Array.from({ length: 200 }, () => memory.keep(bytesOf(30_000, 1)));
  for (const each of kept) memory.free(each);
  const again = new Set(Array.from({ length: 200 }, () => memory.keep(bytesOf(30_000, 2)).buffer));
  t.equal(kept.filter(({ buffer }) => again.has(buffer)).length, 128);
  for (const each of kept.slice(0, 10)) memory.free(each);
  t.equal(memory.keep(bytesOf(30_000, 3)).buffer, kept[9]!.buffer, 'what was taken out of it makes room for others');
});
