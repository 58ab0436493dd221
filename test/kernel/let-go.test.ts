import t from 'tap';
import { letGo } from '../../engine/kernel/let-go.js';
import { until } from '../support/deadline.js';

const bytesAtOnce = 64 * 1024;

t.test('what was let go is gone at once, and whoever looks at it finds nothing', async (t) => {
  const bytes = new Uint8Array(bytesAtOnce).fill(7);
  const view = bytes.subarray(100, 200);
  letGo(bytes);
  t.equal(bytes.length, 0);
  t.equal(view.length, 0);
  t.throws(() => new Uint8Array(bytesAtOnce).set(bytes), TypeError);
});

t.test('no collection is needed for its memory to be free', async (t) => {
  const outside = (): number => process.memoryUsage().arrayBuffers;
  const isGoneAtOnce = (): boolean => {
    const before = outside();
    letGo(new Uint8Array(bytesAtOnce));
    return outside() <= before;
  };
  await until('the thread is some milliseconds old', isGoneAtOnce);
  const before = outside();
  // By itself the collector would leave some 24 MB of these 640 until it looks.
  for (let count = 0; count < 10_000; count++) letGo(new Uint8Array(bytesAtOnce));
  t.ok(outside() - before < 10 * bytesAtOnce, `${outside() - before} bytes more`);
});

t.test('what is small is left to the collector', async (t) => {
  const bytes = new Uint8Array(100).fill(7);
  letGo(bytes);
  t.equal(bytes[99], 7);
});
