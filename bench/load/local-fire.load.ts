/**
 * How late do events leave at a fixed rate, when they are accepted, fired and finished all the while?
 *
 * Milliseconds from the time asked for to the handler's call, `LOCAL` delivery in one process, with 10,000 others pending: each event is
 * scheduled one second ahead of its time, the intended one: a producer that falls behind does not move it, so what it holds up is in the
 * figures (`behind`: seconds by which the producer ended late). Percentiles of an HDR histogram. Good at 20,000/s: p50 1 ms, p99 5 ms,
 * p99.9 20 ms, never early.
 *
 *   npm run bench -- local-fire
 */
import { type Bench, measured } from '../lib/bench.js';
import { fireAtRate } from '../lib/fire-at-rate.js';

const ratesPerSecond = [1_000, 5_000, 20_000] as const;

const sizes = { small: 0.5, full: 6 } as const;

/** Seconds at each rate. */
export const bench: Bench = {
  name: 'local-fire',
  question: 'How late do events leave at a fixed rate, accepted, fired and finished all the while?',
  sizes,
  plots: [{ kind: 'percentiles', title: 'Fire lag with 10,000 pending, LOCAL delivery' }],
  measure: async (seconds) => {
    const results = [];
    const [rates, pending] = seconds === sizes.small ? [[100], 200] : [ratesPerSecond, 10_000];
    for (const perSecond of rates)
      results.push(await fireAtRate({ perSecond, seconds, pending }, `${perSecond.toLocaleString('en-US')}/s`));
    return measured(
      results.map(({ figures }) => figures),
      results.map(({ curve }) => curve),
    );
  },
};
