import t from 'tap';
import { mergedDestination, mergedPage } from '../../../engine/cluster/origins/merged-destination.js';
import type { Destination } from '../../../engine/dispatch/destination.js';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { destinationOf } from '../../support/fake-engine.js';

const at = (ms: number) => ms as WallMs;
const with_ = (fields: Partial<Destination>, origin = 'http://a.test'): Destination => ({ ...destinationOf(origin), ...fields });

t.test('what runs, waits and has ended is summed up; what is set is not', async (t) => {
  const one = with_({ inFlight: 1, waiting: 2, success1m: 3, failure1m: 4, concurrency: 10, ratePerSecond: 5, paused: true });
  t.match(mergedDestination([one, one, one]), {
    origin: 'http://a.test',
    inFlight: 3,
    waiting: 6,
    success1m: 9,
    failure1m: 12,
    concurrency: 10,
    ratePerSecond: 5,
    paused: true,
  });
});

t.test('the most open breaker is shown, until the last one lets a probe through', async (t) => {
  const closed = with_({ breaker: 'closed', opensUntilMs: null });
  const probing = with_({ breaker: 'half_open', opensUntilMs: null });
  const open = (until: number | null) => with_({ breaker: 'open', opensUntilMs: until === null ? null : at(until) });
  const shown = (...told: [Destination, ...Destination[]]) => {
    const { breaker, opensUntilMs } = mergedDestination(told);
    return [breaker, opensUntilMs];
  };
  t.same(shown(closed, closed), ['closed', null]);
  t.same(shown(closed, probing), ['half_open', null]);
  t.same(shown(probing, open(5), closed, open(9), open(7)), ['open', 9]);
  t.same(shown(open(5), open(null)), ['open', null], 'nobody knows when');
});

t.test('a page has the first names of all, each once', async (t) => {
  const page = (...names: string[]) => names.map((name) => with_({ inFlight: 1 }, name));
  const merged = mergedPage([page('a', 'c', 'e'), page('b', 'c', 'd'), []], 3);
  t.same(
    merged.map(({ origin, inFlight }) => [origin, inFlight]),
    [
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ],
  );
});
