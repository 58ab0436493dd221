/**
 * How many events per second does a cluster accept, beside one node alone on the same machine?
 *
 * Events per second in a closed loop over keep-alive connections, a body of about 290 bytes, due in an hour: one in a request over 256 connections, and a
 * thousand in a request over 8 and over 32. `alone` is one process with its log on disk; the others take the same requests at one gateway, and answer when NATS has
 * written them to its disk (one server, each write synced). Load generator, gateway, engines and nats-server share the same cores, so three engines on a small
 * machine are slower than one: what is seen is what a hop and the journal cost, not how a cluster grows. Good: half of `alone`.
 *
 *   npm run bench -- cluster-schedule
 */
import { type Bench, measured } from '../lib/bench.js';
import { closedLoop } from '../lib/closed-loop.js';
import { inCluster } from '../lib/cluster.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startEscapement } from '../lib/targets.js';

const event = sampleEvent({ delay_ms: 3_600_000 });
const forms = [
  { form: 'single', events: 1, connections: { small: [4], full: [256] }, path: '/api/v1/events', body: JSON.stringify(event) },
  {
    form: 'batch of 1000',
    events: 1_000,
    connections: { small: [1], full: [8, 32] },
    path: '/api/v1/events/batch',
    body: JSON.stringify({ events: new Array(1_000).fill(event) }),
  },
] as const;
const partitions = 16;
const setUps = [
  { server: 'gateway, 1 engine', engines: ['a'] },
  { server: 'gateway, 3 engines', engines: ['a', 'b', 'c'] },
] as const;

interface Result {
  readonly form: string;
  readonly connections: number;
  readonly server: string;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: number;
}

const sizes = { small: 0.1, full: 5 } as const;
/** Before each kind of request: four processes compile what they run for the first time. */
const warmSeconds = 3;

/** Seconds for each form, number of connections and server. */
export const bench: Bench = {
  name: 'cluster-schedule',
  question: 'How many events per second does a cluster accept, beside one node alone?',
  sizes,
  measure: async (seconds) => {
    const alone = await startEscapement();
    const results: Result[] = [];
    try {
      results.push(...(await load('alone', { url: alone.url, seconds })));
    } finally {
      await alone.stop();
    }
    // The smallest size shows that it runs; three engines start for the same requests.
    for (const { server, engines } of seconds === sizes.small ? setUps.slice(0, 1) : setUps) {
      const figures = await inCluster({ nodes: [], engines, gateways: ['g'], partitions }, (cluster) =>
        load(server, { url: cluster.node('g').url, seconds }),
      );
      results.push(...figures);
    }
    return measured(results.map((result) => ({ ...result, ofAlone: shareOfAlone(result, results) })));
  },
};

async function load(server: string, { url, seconds }: { readonly url: string; readonly seconds: number }): Promise<Result[]> {
  const results: Result[] = [];
  const size = seconds === sizes.small ? 'small' : 'full';
  for (const { form, events, connections, path, body } of forms) {
    const kind = { url: url + path, body };
    if (size === 'full') await closedLoop({ ...kind, connections: connections.full[0], seconds: warmSeconds });
    for (const count of connections[size]) {
      const { requestsPerSecond, ...rest } = await closedLoop({ ...kind, connections: count, seconds });
      results.push({ form, connections: count, server, eventsPerSecond: Math.round(requestsPerSecond * events), ...rest });
    }
  }
  return results;
}

function shareOfAlone(result: Result, results: readonly Result[]): number {
  const alone = results.find(({ form, connections }) => form === result.form && connections === result.connections)!;
  return Math.round((result.eventsPerSecond / alone.eventsPerSecond) * 100) / 100;
}
