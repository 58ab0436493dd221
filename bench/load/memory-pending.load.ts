/**
 * How much memory does a pending event take?
 *
 * Bytes by which a started Escapement is larger (resident, all of the process) than one with an empty data directory, over the number of pending
 * events, without and with external ids. *Found*: they lie in the data directory at the start. *Accepted*: they came over HTTP in batches,
 * which also leaves behind what the allocator and seven heaps keep of the messages. Good with 5,000,000: 100 bytes, with
 * external ids 130; with few events the fixed part is most of it.
 *
 *   npm run bench -- memory-pending
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { WallMs } from '../../engine/index.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { residentMiB } from '../lib/process-figures.js';
import { sampleEvent } from '../lib/sample-body.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { startEscapement, type Target } from '../lib/targets.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 500, full: 5_000_000 } as const;
const monthMs = 30 * 86_400_000;
const batchEvents = 1_000;
const batchesAtOnce = 4;

/** Pending events, at most. */
export const bench: Bench = {
  name: 'memory-pending',
  question: 'How much memory does a pending event take?',
  sizes,
  plots: [
    { kind: 'sizes', title: 'Memory: resident bytes for each pending event', x: 'pending', y: 'bytesEach', series: 'what' },
  ],
  measure: async (most) => {
    const settleMs = most === sizes.small ? 50 : 2_000;
    const emptyMiB = await residentWith({ settleMs });
    const rows: Row[] = [];
    const add = (what: string, pending: number, residentMiB: number): void => {
      const bytesEach = Math.round(((residentMiB - emptyMiB) * 2 ** 20) / pending);
      rows.push({ what, pending, emptyMiB: Math.round(emptyMiB), residentMiB: Math.round(residentMiB), bytesEach });
    };
    for (const ids of most === sizes.small ? (['with'] as const) : (['without', 'with'] as const)) {
      for (const pending of most === sizes.small ? [most / 2] : [most / 5, most]) {
        await inTempDir(async (dataDir) => {
          await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec, externalIds: ids === 'with' });
          add(`found, ${ids} external ids`, pending, await residentWith({ dataDir, settleMs }));
        });
      }
    }
    const count = most === sizes.small ? most : most / 10;
    add('accepted, with external ids', count, await residentWith({ settleMs, accept: count }));
    return measured(rows);
  },
};

interface Holding {
  readonly dataDir?: string;
  readonly settleMs: number;
  /** So many, over HTTP. */
  readonly accept?: number;
}

async function residentWith({ dataDir, settleMs, accept }: Holding): Promise<number> {
  const server = await startEscapement(dataDir === undefined ? {} : { dataDir });
  try {
    if (accept !== undefined) await acceptAll(server, accept);
    await pause(settleMs);
    return residentMiB(server.pid);
  } finally {
    await server.stop();
  }
}

async function acceptAll(server: Target, count: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const first = next;
      next += batchEvents;
      const events = Array.from({ length: Math.min(batchEvents, count - first) }, (_, place) => {
        return sampleEvent({ delay_ms: monthMs, external_job_id: `order-${first + place}` });
      });
      const { status, text } = await server.client.post('/api/v1/events/batch?results=errors', { events });
      if (status !== 200) throw new Error(`a batch was answered ${status}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, lane));
}

const spec = sampleSpec({ scheduledAtMs: (Date.now() + monthMs) as WallMs });
