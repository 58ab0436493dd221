/**
 * How many events per second are accepted and durable in batches?
 *
 * Events per second in a closed loop of `POST /events/batch`, 1,000 events of about 290 bytes each, due in an hour, as JSON, as lines of
 * JSON, and as MessagePack, over few connections and over more: with four batches under way threads wait for each other, with sixteen hardly.
 * Beside it, in the same run, a bare uWebSockets.js handler that parses the same batch; `ofBare` is the ratio. The load generator takes a share
 * of the same cores. Good: 240,000 events/s; the log alone takes about 390,000 rows/s (`log-append`).
 *
 *   npm run bench -- http-schedule-batch
 */
import { pack } from 'msgpackr';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { closedLoop } from '../lib/closed-loop.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startBare, startEscapement } from '../lib/targets.js';

const connections = { small: [1], full: [4, 16] } as const;
const event = sampleEvent({ delay_ms: 3_600_000 });
const formsOf = (events: readonly object[]) => ({
  json: { contentType: 'application/json', body: JSON.stringify({ events }) },
  ndjson: { contentType: 'application/x-ndjson', body: events.map((event) => `${JSON.stringify(event)}\n`).join('') },
  msgpack: { contentType: 'application/msgpack', body: pack({ events }) },
});

const sizes = { small: 0.03, full: 3 } as const;
const batches = { small: 100, full: 1_000 } as const;

/** Seconds for each server, form and number of connections. */
export const bench: Bench = {
  name: 'http-schedule-batch',
  question: 'How many events per second are accepted and durable in batches of 1,000?',
  sizes,
  measure: async (seconds) => {
    const size = seconds === sizes.small ? 'small' : 'full';
    const eventsPerBatch = batches[size];
    const forms = formsOf(new Array(eventsPerBatch).fill(event));
    const rows: Row[] = [];
    const bare = new Map<string, number>();
    for (const start of [startBare, () => startEscapement()]) {
      const target = await start();
      try {
        for (const [form, { contentType, body }] of Object.entries(forms)) {
          const load = { url: `${target.url}/api/v1/events/batch?results=errors`, contentType, body };
          if (size === 'full') await closedLoop({ ...load, connections: connections.full[0], seconds: 1 });
          for (const count of connections[size]) {
            const { requestsPerSecond, p50Ms, p99Ms, refused } = await closedLoop({ ...load, connections: count, seconds });
            const eventsPerSecond = requestsPerSecond * eventsPerBatch;
            const pair = `${form} ${count}`;
            if (!bare.has(pair)) bare.set(pair, eventsPerSecond);
            const ofBare = Math.round((eventsPerSecond / bare.get(pair)!) * 100) / 100;
            rows.push({ server: target.name, form, connections: count, eventsPerSecond, p50Ms, p99Ms, refused, ofBare });
          }
        }
      } finally {
        await target.stop();
      }
    }
    return measured(rows);
  },
};
