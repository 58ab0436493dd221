/**
 * How many events a second does each system take from one Node process, one by one and many at once?
 *
 * Events due in an hour with about 200 bytes of payload: 256 calls under way, one event each; then four, 1,000 each. All in one run, one after the other,
 * each on fresh data, server and client on the same two cores. `durable` is what an answer means: on disk, or some time later. `ofHttp`
 * is the ratio to Escapement over HTTP. The client's own work is in it: a Node program that waits for 256 answers is busy with that.
 *
 *   npm run bench -- peers-insert
 */
import { type Bench, measured, type Row } from '../lib/bench.js';
import { producers } from './contestants.js';
import type { Peer } from './peer.js';

const callsAtOnce = 256;
const batchesAtOnce = 4;
const batchEvents = 1_000;
const hourMs = 3_600_000;
const sizes = { small: 0.05, full: 3 } as const;

/** Seconds for each. */
export const bench: Bench = {
  name: 'peers-insert',
  question: 'How many events a second does each system take from one Node process, one by one and many at once?',
  sizes,
  measure: async (seconds) => {
    const rows: Row[] = [];
    for (const { name, durable, start } of producers()) {
      const peer = await start();
      try {
        await singles(peer, seconds / 3);
        const singlesPerSecond = await singles(peer, seconds);
        const inBatchesPerSecond = await batches(peer, seconds);
        const { singlesPerSecond: single, inBatchesPerSecond: batch } = rows[0] ?? { singlesPerSecond, inBatchesPerSecond };
        const ratios = { singlesOfHttp: ratio(singlesPerSecond, single), batchesOfHttp: ratio(inBatchesPerSecond, batch) };
        rows.push({ system: name, durable, singlesPerSecond, inBatchesPerSecond, ...ratios });
      } finally {
        await peer.stop();
      }
    }
    return measured(rows);
  },
};

function singles(peer: Peer, seconds: number): Promise<number> {
  return closedLoop({ atOnce: callsAtOnce, seconds, each: 1 }, () => peer.insert(Date.now() + hourMs));
}

function batches(peer: Peer, seconds: number): Promise<number> {
  return closedLoop({ atOnce: batchesAtOnce, seconds, each: batchEvents }, () =>
    peer.insertMany(new Array(batchEvents).fill(Date.now() + hourMs)),
  );
}

interface Loop {
  readonly atOnce: number;
  readonly seconds: number;
  /** Events of a call. */
  readonly each: number;
}

async function closedLoop({ atOnce, seconds, each }: Loop, call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  const end = began + seconds * 1_000;
  let events = 0;
  const lane = async () => {
    for (; performance.now() < end; events += each) await call();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return Math.round((events / (performance.now() - began)) * 1_000);
}

function ratio(figure: number, of: string | number | undefined): number {
  return Math.round((figure / Number(of)) * 1_000) / 1_000;
}
