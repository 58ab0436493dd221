import t from 'tap';
import { MemoryGauge } from '../../gateway/memory-gauge.js';

function setup() {
  const state = { monoMs: 0, usedBytes: 10, limitBytes: 100, reads: 0 };
  const changes: boolean[] = [];
  const gauge = new MemoryGauge({
    monoMs: () => state.monoMs,
    read: () => {
      state.reads++;
      return state;
    },
    changed: (isShort) => changes.push(isShort),
  });
  const at = (usedBytes: number): boolean => {
    state.usedBytes = usedBytes;
    state.monoMs += 250;
    return gauge.isShort;
  };
  return { state, changes, gauge, at };
}

t.test('memory is short from 80 % on and until it is below 75 %', async (t) => {
  const { changes, at } = setup();
  t.same(
    [79, 80, 99, 75, 74, 79, 81].map((used) => at(used)),
    [false, true, true, true, false, false, true],
  );
  t.same(changes, [true, false, true]);
});

t.test('a limit that is raised counts at once, and it is not read at every request', async (t) => {
  const { state, gauge, at } = setup();
  t.equal(at(90), true);
  for (let n = 0; n < 100; n++) t.equal(gauge.isShort, true);
  t.equal(state.reads, 1);
  state.limitBytes = 200;
  t.equal(at(90), false);
});

t.test('the process itself is not short of memory here', async (t) => {
  const gauge = new MemoryGauge({ monoMs: () => 0, changed: (_, reading) => t.fail(JSON.stringify(reading)) });
  t.equal(gauge.isShort, false);
});
