import t from 'tap';
import { putBytes, Stretches } from '../../engine/kernel/copied-bytes.js';

t.test('a piece of any length lies where it was put, and nothing else has changed', async (t) => {
  for (let length = 0; length <= 40; length++) {
    const piece = Uint8Array.from({ length }, (_, byte) => byte + 1);
    const out = new Uint8Array(50).fill(0xee);
    t.equal(putBytes(piece, out, 5), 5 + length);
    t.same(
      out,
      new Uint8Array(50).fill(0xee).map((byte, at) => (at >= 5 && at < 5 + length ? at - 4 : byte)),
      `${length} bytes`,
    );
  }
});

t.test('a stretch is a view of the array that it was asked of, wherever that lies in its memory', async (t) => {
  const stretches = new Stretches();
  const memory = Uint8Array.from({ length: 64 }, (_, byte) => byte);
  const [one, other] = [memory.subarray(8, 24), memory.slice(32)];
  t.same(stretches.viewOf(one, 2, 5), [10, 11, 12]);
  t.same(stretches.viewOf(one, 0, 0), []);
  t.same(stretches.viewOf(other, 1, 3), [33, 34]);
  t.same(stretches.viewOf(one, 14, 16), [22, 23]);
  const view = stretches.viewOf(one, 0, 4);
  one[0] = 99;
  t.equal(view[0], 99, 'and no copy');
});
