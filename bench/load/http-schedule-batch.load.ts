/**
 * How many events per second are accepted and durable in batches?
 *
 * Events per second in a closed loop of `POST /events/batch`, JSON, 1,000 events of about 290 bytes each, due in an hour. Beside it, in
 * the same run, a bare uWebSockets.js handler that parses the same batch; `ofBare` is the ratio. The load generator takes a share
 * of the same cores. Good: 240,000 events/s; the log alone takes about 390,000 rows/s (`log-append`).
 *
 *   npm run bench -- http-schedule-batch
 */
import { type Bench, rowsOf } from '../lib/bench.js';
import { closedLoop } from '../lib/closed-loop.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startBare, startEscapement } from '../lib/targets.js';

const eventsPerBatch = 1_000;
const connections = 4;
const event = sampleEvent({ delay_ms: 3_600_000 });
const body = JSON.stringify({ events: Array.from({ length: eventsPerBatch }, () => event) });

const sizes = { small: 1, full: 10 } as const;

/** Seconds for each server. */
export const bench: Bench = {
  name: 'http-schedule-batch',
  question: 'How many events per second are accepted and durable in batches of 1,000?',
  sizes,
  measure: async (seconds) => {
    const rows: {
      readonly server: string;
      readonly eventsPerSecond: number;
      readonly p99Ms: number;
      readonly refused: number;
    }[] = [];
    for (const start of [startBare, () => startEscapement()]) {
      const target = await start();
      try {
        const loop = { url: `${target.url}/api/v1/events/batch?results=errors`, body, connections };
        await closedLoop({ ...loop, seconds: 1 });
        const { requestsPerSecond, p99Ms, refused } = await closedLoop({ ...loop, seconds });
        rows.push({ server: target.name, eventsPerSecond: requestsPerSecond * eventsPerBatch, p99Ms, refused });
      } finally {
        await target.stop();
      }
    }
    return rowsOf(
      rows.map((row) => ({ ...row, ofBare: Math.round((row.eventsPerSecond / rows[0]!.eventsPerSecond) * 100) / 100 })),
    );
  },
};
