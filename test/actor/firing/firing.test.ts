import t from 'tap';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { firingBudgetMs } from '../../../engine/kernel/limits.js';
import { type ManualClock, start, TestHost } from '../host-fixture.js';

t.test('a wheel comes to rest also where each turn has used up its time at the first look', (t) => {
  const minuteMs = 60_000;
  const test = TestHost.ready();
  test.accepted({ scheduledAtMs: (start + 60 * minuteMs) as WallMs });
  test.clock.lookMs = 2 * firingBudgetMs;
  for (let minute = 1; minute < 60; minute++) {
    test.clock.now = start + minute * minuteMs;
    let turns = 1;
    while (test.turn() === 0) if (++turns > 20) throw new Error(`in minute ${minute} it asks for turns without end`);
  }
  test.clock.now = start + 60 * minuteMs;
  test.settle();
  t.same([...test.wanted().values()], [1], 'the event is due');
  t.end();
});

t.test('what comes due while the thread has lost its processor is late, not passed over by a jump of the clock', (t) => {
  const stallMs = 700;
  const looksMax = 50;
  for (let look = 1; look <= looksMax; look++) {
    const test = TestHost.ready();
    test.accepted({ scheduledAtMs: (start + stallMs / 2) as WallMs });
    stallBehindLook(test.clock, { look, stallMs });
    while (test.clock.now < start + stallMs) test.turn();
    test.settle();
    t.same([...test.wanted('overdue').values()], [], `stalled behind look ${look}`);
    t.same([...test.wanted().values()], [1]);
  }
  t.end();
});

/** Once, behind the look of this number from now on. */
function stallBehindLook(clock: ManualClock, { look, stallMs }: { readonly look: number; readonly stallMs: number }): void {
  let looks = 0;
  const stalled =
    <Ms>(read: () => Ms) =>
    (): Ms => {
      const ms = read();
      if (++looks === look) clock.now += stallMs;
      return ms;
    };
  clock.wallMs = stalled(clock.wallMs);
  clock.monoMs = stalled(clock.monoMs);
}
