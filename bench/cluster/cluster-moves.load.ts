/**
 * How long is a partition without an owner when its node is killed, and when it is stopped in order?
 *
 * Three engines and a gateway with events arriving at a fixed rate. One engine is killed (`kill -9`), later another one stopped (SIGTERM). The product
 * reports how long it took: from when the owner before was last known to serve until its successor does. After a kill that is the time to live of a session, 8 s, less
 * what had gone by since its last renewal, and the restoring; after a stop, writing the end and the restoring. `missing` counts events that were
 * acknowledged and do not exist afterwards. Good: 11 s at most after a kill, below 1 s after a stop, nothing lost.
 *
 *   npm run bench -- cluster-moves
 */
import type { Cluster } from '../../test/support/cluster.js';
import { pause } from '../../test/support/deadline.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { inCluster } from '../lib/cluster.js';
import { sampleEvent } from '../lib/sample-body.js';

const partitions = { small: 6, full: 32 } as const;
/** Under load, before each move. */
const calmMs = { small: 500, full: 2_000 } as const;
const batchEvents = 100;
const body = { events: new Array(batchEvents).fill(sampleEvent({ delay_ms: 3_600_000 })) };

const moves = [
  { move: 'failover (kill -9)', from: 'b', to: ['a', 'c'], end: 'kill' },
  { move: 'hand-off (SIGTERM)', from: 'c', to: ['a'], end: 'stop' },
] as const;

const sizes = { small: 100, full: 5_000 } as const;

/** Events a second. */
export const bench: Bench = {
  name: 'cluster-moves',
  question: 'How long is a partition without an owner when its node is killed, and when it is stopped in order?',
  sizes,
  measure: (perSecond) => {
    const size = perSecond === sizes.small ? 'small' : 'full';
    return inCluster({ nodes: [], engines: ['a', 'b', 'c'], gateways: ['g'], partitions: partitions[size] }, async (cluster) => {
      const load = new Load(cluster, perSecond);
      const rows: Row[] = [];
      for (const { move, from, to, end } of moves) {
        await pause(calmMs[size]);
        rows.push({ move, ...(await moved(cluster, { from, to, end: () => cluster[end](from) })) });
      }
      const missing = await load.end();
      return measured(rows.map((row) => ({ ...row, eventsPerSecond: perSecond, missing })));
    });
  },
};

async function moved(
  cluster: Cluster,
  { from, to, end }: { readonly from: string; readonly to: readonly string[]; readonly end: () => Promise<unknown> },
): Promise<Row> {
  const before = await cluster.view();
  await end();
  const after = await cluster.shared(to, 60_000);
  const tookMs = before.partitions
    .filter(({ owner }) => owner === from)
    .map(({ partition }) => after.partitions[partition]!.last_takeover_ms!)
    .sort((one, other) => one - other);
  return { partitions: tookMs.length, medianMs: tookMs[Math.floor(tookMs.length / 2)]!, longestMs: tookMs.at(-1)! };
}

/** Batches of which the ids that were acknowledged are kept. */
class Load {
  readonly #cluster: Cluster;
  readonly #accepted: string[] = [];
  readonly #lanes: Promise<void>[];
  #goesOn = true;

  constructor(cluster: Cluster, perSecond: number) {
    this.#cluster = cluster;
    const lanes = Math.max(1, Math.round(perSecond / 500));
    const everyMs = (1_000 * lanes * batchEvents) / perSecond;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane(everyMs));
  }

  /** How many of them are not there. */
  async end(): Promise<number> {
    this.#goesOn = false;
    await Promise.all(this.#lanes);
    const left = [...this.#accepted];
    let missing = 0;
    const reader = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        if ((await this.#cluster.client.event(id)).status !== 200) missing++;
      }
    };
    await Promise.all(Array.from({ length: 64 }, reader));
    return missing;
  }

  async #lane(everyMs: number): Promise<void> {
    let nextAtMs = performance.now();
    while (this.#goesOn) {
      const { status, body: answer } = await this.#cluster.client.post<{ results: { id?: string }[] }>(
        '/api/v1/events/batch',
        body,
      );
      if (status === 200) for (const { id } of answer.results) if (id !== undefined) this.#accepted.push(id);
      nextAtMs = Math.max(nextAtMs + everyMs, performance.now());
      await pause(nextAtMs - performance.now());
    }
  }
}
