/**
 * How long until an engine is ready that finds a full data directory?
 *
 * Seconds from `createEngine` to the last partition being ready, of 4 partitions on one actor host, each with some records behind its newest
 * snapshot. First with pending events alone, in three sizes, then with five finished ones for each that is pending. Good is below 5 s for
 * the largest; without snapshots it is a minute. `stateMiB` is what the process takes then. `start-after-kill` asks the same from outside.
 *
 *   npm run bench -- start
 */
import type { WallMs } from '../../engine/index.js';
import { type Bench, measured } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { withEngine } from '../lib/local-engine.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const recordsBehindMax = 50_000;
const monthMs = 30 * 86_400_000;

interface StartSize {
  readonly finishedEach: number;
  readonly pending: number;
}

export interface StartResult {
  readonly what: string;
  readonly pending: number;
  readonly finished: number;
  readonly readySeconds: number;
  readonly stateMiB: number;
}

const sizes = { small: 1_000, full: 2_000_000 } as const;

/** Events pending, at most. */
export const bench: Bench = {
  name: 'start',
  question: 'How long until an engine is ready that finds a full data directory?',
  sizes,
  plots: [{ kind: 'sizes', title: 'Start: seconds until ready', x: 'pending', y: 'readySeconds', series: 'what' }],
  measure: async (pending) => {
    const results: StartResult[] = [];
    for (const share of pending === sizes.small ? [1] : [0.04, 0.2, 1])
      results.push(await start({ pending: pending * share, finishedEach: 0 }));
    results.push(await start({ pending: pending * 0.5, finishedEach: 5 }));
    return measured(results);
  },
};

function start({ pending, finishedEach }: StartSize): Promise<StartResult> {
  return inTempDir(async (dataDir) => {
    const finished = pending * finishedEach;
    const recordsBehind = Math.min(recordsBehindMax, Math.ceil(pending / partitions / 10));
    await fillDataDir(dataDir, { partitions, pending, finished, recordsBehind, spec, externalIds: true });
    const before = process.memoryUsage.rss();
    const began = performance.now();
    return withEngine({ dataDir, config: { partitions, actorThreads: 1 } }, async () => {
      const readySeconds = Math.round((performance.now() - began) / 10) / 100;
      const stateMiB = Math.round((process.memoryUsage.rss() - before) / 2 ** 20);
      return { what: finishedEach === 0 ? 'pending alone' : 'five finished for each', pending, finished, readySeconds, stateMiB };
    });
  });
}

const spec = sampleSpec({ scheduledAtMs: (Date.now() + monthMs) as WallMs });
