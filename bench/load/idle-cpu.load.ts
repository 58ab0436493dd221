/**
 * What does Escapement take of a core when there is nothing to do?
 *
 * Per cent of one core, over some seconds, of a started Escapement without events and with very many that are due in a month. Good:
 * below 1.
 *
 *   npm run bench -- idle-cpu
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { WallMs } from '../../engine/index.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { cpuSeconds } from '../lib/process-figures.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { startEscapement } from '../lib/targets.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 500, full: 1_000_000 } as const;
const monthMs = 30 * 86_400_000;

/** Pending events. */
export const bench: Bench = {
  name: 'idle-cpu',
  question: 'What does Escapement take of a core when there is nothing to do?',
  sizes,
  measure: async (many) => {
    // What a start leaves to do in the background (verifying what a snapshot passed over) is work, and not what is asked here.
    const [settleSeconds, seconds] = many === sizes.small ? [0.2, 0.5] : [10, 15];
    const rows: Row[] = [];
    for (const pending of many === sizes.small ? [many] : [0, many]) {
      await inTempDir(async (dataDir) => {
        const far = sampleSpec({ scheduledAtMs: (Date.now() + monthMs) as WallMs });
        await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec: far, externalIds: false });
        const server = await startEscapement({ dataDir });
        try {
          await pause(settleSeconds * 1_000);
          const before = cpuSeconds(server.pid);
          const began = performance.now();
          await pause(seconds * 1_000);
          const share = (cpuSeconds(server.pid) - before) / ((performance.now() - began) / 1_000);
          rows.push({ pending, seconds, percentOfCore: Math.round(share * 10_000) / 100 });
        } finally {
          await server.stop();
        }
      });
    }
    return measured(rows);
  },
};
