/**
 * Three nodes under load, one of which is killed: nothing that was acknowledged is lost, every partition is served again soon, and what comes twice
 * has the same id.
 */
import t from 'tap';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { Receiver } from '../support/receiver.js';

const timeout = 160_000;
const perSecond = 400;
const lanes = 8;
/** Of a takeover, on top of the time to live: the contract of the project. */
const takeoverMsMax = 3_000;

t.setTimeout(170_000);

/** Posts until it is stopped; what was acknowledged is told, and what was cancelled with a 200. */
class Load {
  readonly accepted = new Set<string>();
  readonly cancelled = new Set<string>();
  readonly strange: string[] = [];
  readonly #lanes: Promise<void>[];
  #goesOn = true;
  #next = 0;

  constructor(cluster: Cluster, destination: string) {
    this.#lanes = Array.from({ length: lanes }, () => this.#lane(cluster, destination));
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#lanes);
  }

  async #lane({ client }: Cluster, destination: string): Promise<void> {
    while (this.#goesOn) {
      await pause((lanes * 1_000) / perSecond);
      const n = this.#next++;
      const event = { external_job_id: `job-${n}`, source: 'load', destination, delay: '1s', payload: { n } };
      const id = await this.#untilAccepted(() => client.schedule(event));
      this.accepted.add(id);
      if (n % 10 !== 0) continue;
      const answer = await client.cancel(id).catch(() => null);
      if (answer?.status === 200) this.cancelled.add(id);
    }
  }

  async #untilAccepted(
    post: () => Promise<{ readonly status: number; readonly text: string; readonly body: { readonly id: string } }>,
  ): Promise<string> {
    for (;;) {
      const answer = await post().catch(() => null);
      if (answer !== null && answer.status <= 202) return answer.body.id;
      if (answer !== null && answer.status !== 503) this.strange.push(`${answer.status} ${answer.text}`);
      await pause(50);
    }
  }
}

t.test(
  'kill -9 of one of three nodes loses nothing, and its partitions fire again within the promised time',
  { ...needsNats, timeout },
  async (t) => {
    const cluster = await startCluster(t, { nodes: ['a', 'b', 'c'] });
    const receiver = await Receiver.start();
    t.teardown(() => receiver.close());
    const load = new Load(cluster, `${receiver.url}/load`);
    await until('events arrive', () => receiver.arrivals.length > perSecond, 30_000);
    const before = await cluster.view();
    const lost = before.partitions.filter(({ owner }) => owner === 'b').map(({ partition }) => partition);
    t.ok(lost.length > 0, 'the one to be killed owns partitions');

    const inFlight = receiver.inFlight;
    await cluster.kill('b');
    const after = await cluster.shared(['a', 'c']);
    await until('some events have come since', () => receiver.arrivals.length > 0, 5_000);
    await load.stop();

    const takeovers = after.partitions.filter(({ partition }) => lost.includes(partition));
    for (const { partition, epoch, last_takeover_ms } of takeovers) {
      t.equal(epoch, before.partitions[partition]!.epoch + 1, `partition ${partition} has one more owner`);
      t.ok(
        last_takeover_ms! <= sessionTtlMs + takeoverMsMax,
        `partition ${partition} was served again after ${last_takeover_ms} ms`,
      );
    }
    const due = [...load.accepted].filter((id) => !load.cancelled.has(id));
    const come = () => new Set(receiver.arrivals.map(({ id }) => id));
    await until(
      'every event has come',
      () => {
        const ids = come();
        return due.every((id) => ids.has(id));
      },
      30_000,
    );
    t.same(load.strange, [], 'only 503 was ever an answer besides');
    const came = come();
    t.same(
      [...load.cancelled].filter((id) => came.has(id)),
      [],
      `${load.cancelled.size} that were cancelled never came`,
    );
    const twice = receiver.arrivals.length - came.size;
    const told = takeovers.reduce((sum, { takeover_duplicates }) => sum + takeover_duplicates!, 0);
    t.comment(`${load.accepted.size} accepted, ${twice} came twice, ${told} attempts begun again, ${inFlight} in flight`);
  },
);
