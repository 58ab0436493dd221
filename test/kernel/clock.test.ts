import t from 'tap';
import { SystemClock } from '../../engine/kernel/clock.js';

/** A machine's clock that a test sets; monotonic time goes on by itself. */
function setup(t: Tap): { clock: SystemClock; stepMs(ms: number): void } {
  const realNow = Date.now;
  let offsetMs = 0;
  Date.now = () => Math.floor(performance.timeOrigin + performance.now() + offsetMs);
  t.teardown(() => {
    Date.now = realNow;
  });
  const clock = new SystemClock();
  clock.check();
  return {
    clock,
    stepMs: (ms) => {
      offsetMs += ms;
    },
  };
}
type Tap = { teardown(work: () => void): void };

const isNear = (found: number, expected: number) => Math.abs(found - expected) < 50;

t.test('wall time agrees with the clock of the machine and has a fraction', async (t) => {
  const { clock } = setup(t);
  t.ok(isNear(clock.wallMs(), Date.now()));
  const values = Array.from({ length: 20 }, () => clock.wallMs());
  t.ok(
    values.some((value) => value !== Math.floor(value)),
    'whole milliseconds would hide the lag that is measured',
  );
});

t.test('monotonic time never goes back', async (t) => {
  const { clock, stepMs } = setup(t);
  const before = clock.monoMs();
  stepMs(-3_600_000);
  clock.check();
  t.ok(clock.monoMs() >= before);
});

t.test('an untouched clock has no step', async (t) => {
  const { clock } = setup(t);
  for (let round = 0; round < 100; round++) t.equal(clock.check(), null);
});

for (const [name, step] of [
  ['forward', 3_600_000],
  ['backward', -3_600_000],
] as const) {
  t.test(`a step of an hour ${name} is reported once and followed`, async (t) => {
    const { clock, stepMs } = setup(t);
    stepMs(step);
    t.ok(isNear(clock.wallMs(), Date.now() - step), 'not seen before the check');
    const found = clock.check();
    t.ok(found !== null && isNear(found.stepMs, step), `step of ${found?.stepMs}`);
    t.ok(isNear(clock.wallMs(), Date.now()));
    t.equal(clock.check(), null);
  });
}

t.test('a small step is followed without a report', async (t) => {
  const { clock, stepMs } = setup(t);
  stepMs(300);
  t.equal(clock.check(), null);
  t.ok(isNear(clock.wallMs(), Date.now()));
  stepMs(-300);
  t.equal(clock.check(), null);
  t.ok(isNear(clock.wallMs(), Date.now()));
});

t.test('a thread that loses its processor while it looks at the clocks takes nothing for a step', async (t) => {
  const { clock } = setup(t);
  const now = Date.now;
  Date.now = () => {
    const wallMs = now();
    const until = performance.now() + 30;
    while (performance.now() < until);
    return wallMs;
  };
  t.equal(clock.check(), null);
  Date.now = now;
  const before = Date.now();
  t.ok(clock.wallMs() > before - 15, 'the clock is not late');
});

t.test('wall time is never ahead of the machine by more than the check allows', async (t) => {
  const { clock, stepMs } = setup(t);
  stepMs(-20);
  clock.check();
  // Date.now() cuts to whole milliseconds, so a true clock is ahead of it by less than one.
  t.ok(clock.wallMs() - Date.now() < 2);
});
