import t from 'tap';
import type { MonoMs } from '../../engine/kernel/brand.js';
import { EventLoopDelay } from '../../engine/observe/event-loop.js';
import { mergeLatency } from '../../engine/observe/latency.js';

function setup() {
  let now = 1_000;
  const delay = new EventLoopDelay({ clock: { monoMs: () => now as MonoMs }, periodMs: 50 });
  const pass = (ms: number) => {
    now += ms;
  };
  const turnAfter = (ms: number) => {
    pass(ms);
    delay.turn();
  };
  return { delay, turnAfter, pass };
}

t.test('a turn that comes in time has no delay, a late one as much as it is late', async (t) => {
  const { delay, turnAfter } = setup();
  turnAfter(50);
  turnAfter(50);
  turnAfter(62);
  const figures = delay.figures();
  t.equal(figures.count, 3);
  t.equal(figures.sumMs, 12);
  t.equal(figures.maxMs, 12);
});

t.test('what passes before there is a timer is no delay', async (t) => {
  const { delay, turnAfter, pass } = setup();
  pass(700);
  delay.begin();
  turnAfter(50);
  t.equal(delay.figures().maxMs, 0);
});

t.test('a turn that comes early counts as one in time', async (t) => {
  const { delay, turnAfter } = setup();
  turnAfter(49.5);
  t.equal(delay.figures().maxMs, 0);
});

t.test('the turns that a stall has swallowed count with their own wait', async (t) => {
  const { delay, turnAfter } = setup();
  turnAfter(50 + 230);
  const figures = delay.figures();
  t.equal(figures.count, 5);
  t.equal(figures.sumMs, 230 + 180 + 130 + 80 + 30);
});

t.test('a stall of a second shows in the p99 of a minute', async (t) => {
  const { delay, turnAfter } = setup();
  for (let turn = 0; turn < 1_200; turn++) turnAfter(50);
  turnAfter(1_050);
  t.ok(mergeLatency([delay.figures()]).p99! > 300);
});

t.test('a machine that slept for a day costs a bounded number of samples', async (t) => {
  const { delay, turnAfter } = setup();
  turnAfter(86_400_000);
  t.ok(delay.figures().count <= 1_201);
});
