import t from 'tap';
import { rehearseCourier } from '../../engine/dispatch/rehearsal.js';
import { SystemTiming } from '../../engine/dispatch/timing.js';

t.test('every made-up attempt of a rehearsal is granted, started and delivered, breaker or not', async (t) => {
  for (const breaker of [true, false]) {
    const options = { originConcurrency: 1, attemptsInFlightMax: 1, breaker, originsMax: 10, partitions: 3, recoveryRate: 1 };
    t.equal(await rehearseCourier(options, new SystemTiming()), 24);
  }
});
