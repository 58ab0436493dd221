/**
 * How soon is Escapement ready again after kill -9, with very many events pending?
 *
 * A started Escapement finds so many pending events, accepts more as fast as it can for two seconds, is killed with SIGKILL and started
 * again: seconds from the start of the new process to the first 200 of `/health/ready`. Good with 5,000,000: below 5.
 *
 *   npm run bench -- start-after-kill
 */
import type { WallMs } from '../../engine/index.js';
import { Server } from '../../test/support/server.js';
import { type Bench, measured } from '../lib/bench.js';
import { closedLoop } from '../lib/closed-loop.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { sampleEvent } from '../lib/sample-body.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 1_000, full: 5_000_000 } as const;
const monthMs = 30 * 86_400_000;
const readyMsMax = 60_000;
const event = sampleEvent({ delay_ms: monthMs });

/** Pending events before. */
export const bench: Bench = {
  name: 'start-after-kill',
  question: 'How soon is Escapement ready again after kill -9, with very many events pending?',
  sizes,
  measure: (pending) =>
    inTempDir(async (dataDir) => {
      const far = sampleSpec({ scheduledAtMs: (Date.now() + monthMs) as WallMs });
      await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec: far, externalIds: false });
      const server = await Server.start({ dataDir, env: { ESCAPEMENT_LOG_LEVEL: 'warn' } });
      try {
        await server.ready(readyMsMax);
        const [batch, connections, seconds] = pending === sizes.small ? [100, 1, 0.05] : [1_000, 4, 2];
        const body = JSON.stringify({ events: new Array(batch).fill(event) });
        const loop = { url: `${server.url}/api/v1/events/batch?results=errors`, body, connections };
        const { requestsPerSecond } = await closedLoop({ ...loop, seconds });
        await server.kill();
        const began = performance.now();
        await server.restart();
        await server.ready(readyMsMax);
        const readySeconds = Math.round((performance.now() - began) / 10) / 100;
        return measured([{ pending, acceptingPerSecond: requestsPerSecond * batch, readySeconds }]);
      } finally {
        await server.client.close();
        await server.kill();
      }
    }),
};
