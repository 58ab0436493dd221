/**
 * How long does a producer wait for its 201 at a fixed rate?
 *
 * Milliseconds from the moment at which each POST should have been sent to its whole answer, over 64 connections; the answer comes after the
 * fsync. A producer that is held up does not move these moments, so a pause of the server counts for everything that it held up. Beside
 * it, in the same run, the bare handler. The first three seconds at each rate are left out. Good: p50 below 2 ms and p99 below 15 ms at 5,000/s; a lone fsync takes 0.3 ms.
 *
 *   npm run bench -- http-schedule-latency
 */
import { type Bench, measured, type Row } from '../lib/bench.js';
import { HttpRequests } from '../lib/http-requests.js';
import type { Curve } from '../lib/lag-histogram.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startBare, startEscapement } from '../lib/targets.js';

const connections = 64;
const request = { method: 'POST', path: '/api/v1/events', body: JSON.stringify(sampleEvent({ delay_ms: 3_600_000 })) } as const;
const sizes = { small: 0.3, full: 5 } as const;
/** A fresh process compiles what it runs for the first time, and has a backlog of some hundred milliseconds from it. */
const warmUpSeconds = 3;

/** Seconds for each server and rate. */
export const bench: Bench = {
  name: 'http-schedule-latency',
  question: 'How long does a producer wait for its 201 at a fixed rate?',
  sizes,
  plots: [{ kind: 'percentiles', title: 'Single POST at a fixed rate: time to the answer' }],
  measure: async (seconds) => {
    const rows: Row[] = [];
    const curves: Curve[] = [];
    for (const start of [startBare, () => startEscapement()]) {
      const target = await start();
      const requests = new HttpRequests(target.url, connections);
      try {
        for (const perSecond of seconds === sizes.small ? [100] : [1_000, 5_000]) {
          if (seconds !== sizes.small) await requests.atRate(request, { perSecond, seconds: warmUpSeconds });
          const latency = await requests.atRate(request, { perSecond, seconds });
          rows.push({ server: target.name, perSecond, requests: latency.count, ...latency.figures() });
          curves.push(latency.curve(`${target.name}, ${perSecond.toLocaleString('en-US')}/s`));
        }
      } finally {
        await requests.close();
        await target.stop();
      }
    }
    return measured(rows, curves);
  },
};
