import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { firingBudgetMs } from '../../engine/kernel/limits.js';
import { start, TestHost } from './host-fixture.js';

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
