/**
 * How many events per second are accepted and durable, one POST each, over many connections?
 *
 * Requests per second in a closed loop over keep-alive connections, a body of about 290 bytes, due in an hour; 201 is sent after the
 * fsync. Beside it, in the same run, a bare uWebSockets.js handler that parses the same body (`bare-server.ts`); `ofBare` is the ratio,
 * which says more than the number. The load generator (autocannon) takes a share of the same cores, and is slower than either
 * server: what it can send is seen in the bare figure. Good: 0.65 of bare, with 256 connections.
 *
 *   npm run bench -- http-schedule-single
 */
import { type Bench, type Row, measured } from '../lib/bench.js';
import { closedLoop, type LoopFigures } from '../lib/closed-loop.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startBare, startEscapement, type Target } from '../lib/targets.js';

const connections = [64, 256] as const;
const body = JSON.stringify(sampleEvent({ delay_ms: 3_600_000 }));

interface Result extends LoopFigures {
  readonly server: string;
  readonly connections: number;
}

const sizes = { small: 0.05, full: 5 } as const;

/** Seconds for each server and number of connections. */
export const bench: Bench = {
  name: 'http-schedule-single',
  question: 'How many events per second are accepted and durable, one POST each?',
  sizes,
  measure: async (seconds) => {
    const results: Result[] = [];
    for (const start of [startBare, () => startEscapement()]) {
      const target = await start();
      try {
        if (seconds !== sizes.small) await load(target, { connections: 64, seconds: 1 });
        for (const count of seconds === sizes.small ? [8] : connections)
          results.push(await load(target, { connections: count, seconds }));
      } finally {
        await target.stop();
      }
    }
    return measured(results.map((result) => ({ ...result, ofBare: shareOfBare(result, results) })));
  },
};

async function load(target: Target, { connections, seconds }: { connections: number; seconds: number }): Promise<Result> {
  const figures = await closedLoop({ url: `${target.url}/api/v1/events`, body, connections, seconds });
  return { server: target.name, connections, ...figures };
}

function shareOfBare(result: Result, results: readonly Result[]): Row[string] {
  const bare = results.find(({ connections }) => connections === result.connections)!;
  return Math.round((result.requestsPerSecond / bare.requestsPerSecond) * 100) / 100;
}
