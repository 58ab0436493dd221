/**
 * How many events a second can one process take, fire and finish, for as long as it takes?
 *
 * `LOCAL` delivery, 30,000 events/s for a minute: each is handed over a second ahead of its time, delivered to a handler, and `DELIVERED` on
 * disk. Good: `finishedPerSecond` is what was asked for and the producer is not behind. Two records more than its acceptance for each event
 * make 90,000 records/s.
 *
 *   npm run bench -- local-end-to-end
 */
import { type Bench, measured } from '../lib/bench.js';
import { fireAtRate } from '../lib/fire-at-rate.js';

const sizes = { small: 0.5, full: 60 } as const;

/** Seconds. */
export const bench: Bench = {
  name: 'local-end-to-end',
  question: 'How many events a second can one process take, fire and finish, for a minute?',
  sizes,
  measure: async (seconds) => {
    const perSecond = seconds === sizes.small ? 100 : 30_000;
    const { figures, curve } = await fireAtRate({ perSecond, seconds, pending: 0 }, `${perSecond}/s`);
    return measured([figures], [curve]);
  },
};
