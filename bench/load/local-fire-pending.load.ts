/**
 * Is an event later when very many others are pending?
 *
 * As `local-fire` at 20,000/s, with 10,000 others and with 5,000,000, in one run. `ofFewP99` is the 99th percentile over that with few:
 * good is 0.8 to 1.2, the same.
 *
 *   npm run bench -- local-fire-pending
 */
import { type Bench, measured } from '../lib/bench.js';
import { fireAtRate } from '../lib/fire-at-rate.js';

const sizes = { small: 2_000, full: 5_000_000 } as const;

/** The many. */
export const bench: Bench = {
  name: 'local-fire-pending',
  question: 'Is an event later when very many others are pending?',
  sizes,
  plots: [{ kind: 'percentiles', title: 'Fire lag at 20,000/s, LOCAL delivery, by what else is pending' }],
  measure: async (many) => {
    const [few, perSecond, seconds] = many === sizes.small ? [200, 100, 0.5] : [10_000, 20_000, 8];
    const results = [];
    for (const pending of [few, many])
      results.push(await fireAtRate({ perSecond, seconds, pending }, `${pending.toLocaleString('en-US')} pending`));
    const of = results[0]!.figures.p99Ms;
    return measured(
      results.map(({ figures }) => ({ ...figures, ofFewP99: Math.round((figures.p99Ms / of) * 100) / 100 })),
      results.map(({ curve }) => curve),
    );
  },
};
