/**
 * How many webhooks a second leave, and how late do they arrive?
 *
 * A started Escapement and a receiver that answers at once (uWebSockets.js, kept connections), each a process, on the same machine. Events
 * are scheduled over HTTP in batches a second ahead of their intended moments; lag is from the moment asked for to the arrival. First at
 * rates, then all due in one moment, as fast as they go; last what undici alone sends to the same receiver over as many connections, in a
 * closed loop: `ofUndici` is the ratio to it. Good: 12,000/s sustained, lag p99 below 20 ms at 5,000/s, none early, none twice.
 *
 *   npm run bench -- webhook-delivery
 */
import { Pool } from 'undici';
import { type Bench, measured, type Row } from '../lib/bench.js';
import type { Curve } from '../lib/lag-histogram.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startEscapement, startReceiver, type Target } from '../lib/targets.js';
import { arrivals, deliverAtRate, scheduleWebhooks } from '../lib/webhook-load.js';

const sizes = { small: 0.1, full: 6 } as const;
const batchEvents = 500;
const crowdPerSecond = 6_000;
/** As Escapement has for an origin unless it is told otherwise. */
const connections = 64;

/** Seconds at each rate. */
export const bench: Bench = {
  name: 'webhook-delivery',
  question: 'How many webhooks a second leave, and how late do they arrive?',
  sizes,
  plots: [{ kind: 'percentiles', title: 'Webhooks: from the time asked for to the arrival' }],
  measure: async (seconds) => {
    const receiver = await startReceiver();
    const server = await startEscapement();
    try {
      const undici = await undiciAlone(receiver, seconds);
      const rows: Row[] = [];
      const curves: Curve[] = [];
      for (const perSecond of seconds === sizes.small ? [200] : [1_000, 5_000, 12_000]) {
        const { deliveredPerSecond, lag, early, repeated, curve, behindMs } = await deliverAtRate(server, receiver, {
          perSecond,
          seconds,
        });
        rows.push({ what: `${perSecond}/s`, deliveredPerSecond, ...lag, early, repeated, behindMs: Math.round(behindMs) });
        curves.push({ ...curve, label: `${perSecond.toLocaleString('en-US')}/s` });
      }
      const { lastAtMs, dueAtMs, count, lag, early, repeated } = await crowd(server, receiver, seconds);
      const deliveredPerSecond = Math.round((count / (lastAtMs - dueAtMs)) * 1_000);
      rows.push({ what: 'all in one moment', deliveredPerSecond, ...lag, early, repeated, behindMs: 0 });
      return measured(
        rows.map((row) => ({ ...row, ofUndici: Math.round((Number(row['deliveredPerSecond']) / undici) * 100) / 100 })),
        curves,
      );
    } finally {
      await server.stop();
      await receiver.stop();
    }
  },
};

async function crowd(server: Target, receiver: Target, seconds: number) {
  const count = crowdPerSecond * seconds;
  await receiver.client.post('/reset');
  // Far enough for all of them to be accepted before.
  const dueAtMs = Date.now() + 1_000 + seconds * 500;
  for (let done = 0; done < count; done += batchEvents)
    await scheduleWebhooks(server, receiver, new Array(Math.min(batchEvents, count - done)).fill(dueAtMs));
  return { ...(await arrivals(receiver, count)), dueAtMs, count };
}

/** Requests per second. */
async function undiciAlone(receiver: Target, seconds: number): Promise<number> {
  const pool = new Pool(receiver.url, { connections, pipelining: 1 });
  const body = JSON.stringify(sampleEvent({}));
  const began = performance.now();
  const end = began + seconds * 1_000;
  let sent = 0;
  const send = async () => {
    for (; performance.now() < end; sent++) {
      const headers = {
        'content-type': 'application/json',
        'webhook-id': String(sent),
        'escapement-scheduled-at': '2026-01-01T00:00:00Z',
      };
      const answer = await pool.request({ path: '/hook', method: 'POST', headers, body });
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  const perSecond = (sent / (performance.now() - began)) * 1_000;
  await pool.close();
  return perSecond;
}
