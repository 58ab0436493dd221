/**
 * Three nodes under load. One is stopped in order, comes back without its data, and another one is killed: nothing that was acknowledged is lost, every partition is
 * served again within the promised time, and what comes twice has the same id.
 */
import t, { type Test } from 'tap';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { type Cluster, type ClusterAnswer, startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { Receiver } from '../support/receiver.js';

const timeout = 170_000;
const perSecond = 200;
const lanes = 8;
/** The contract of the project. A takeover, on top of the time to live: */
const takeoverMsMax = 3_000;
/** A partition that was released: */
const handOverMsMax = 1_000;

t.setTimeout(timeout);

/** Posts until it is stopped; what was acknowledged is told, and what was cancelled with a 200. */
class Load {
  readonly accepted = new Set<string>();
  readonly cancelled = new Set<string>();
  /** Connections that ended without an answer. */
  lost = 0;
  /** What is no answer to a new event, nor a 503 that says when to ask again. */
  readonly strange: string[] = [];
  readonly #cluster: Cluster;
  readonly #destination: string;
  readonly #lanes: Promise<void>[];
  #goesOn = true;
  #next = 0;

  constructor(cluster: Cluster, destination: string) {
    this.#cluster = cluster;
    this.#destination = destination;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    while (this.#goesOn) {
      await pause((lanes * 1_000) / perSecond);
      const n = this.#next++;
      const id = await this.#schedule(n);
      this.accepted.add(id);
      if (n % 10 !== 0) continue;
      const answer = await this.#cluster.client.cancel(id).catch(() => null);
      if (answer?.status === 200) this.cancelled.add(id);
    }
  }

  /** With a name of its own, so that it can be asked for until there is an answer. */
  async #schedule(n: number): Promise<string> {
    const event = { external_job_id: `job-${n}`, source: 'load', destination: this.#destination, delay: '1s', payload: { n } };
    for (;;) {
      const answer = await this.#cluster.client.schedule(event).catch(() => null);
      if (answer !== null && answer.status <= 202) return answer.body.id;
      if (answer === null) this.lost++;
      else if (answer.status !== 503 || answer.headers['retry-after'] === undefined)
        this.strange.push(`${answer.status} ${answer.text}`);
      await pause(50);
    }
  }
}

async function setup(t: Test) {
  const cluster = await startCluster(t, { nodes: ['a', 'b', 'c'] });
  const receiver = await Receiver.start();
  t.teardown(() => receiver.close());
  return { cluster, receiver, load: new Load(cluster, `${receiver.url}/load`) };
}

function ownedBy({ partitions }: ClusterAnswer, name: string): readonly number[] {
  return partitions.filter(({ owner }) => owner === name).map(({ partition }) => partition);
}

t.test(
  'nodes stop, come back with nothing and are killed under load, and nothing that was acknowledged is lost',
  { ...needsNats, timeout },
  async (t) => {
    const { cluster, receiver, load } = await setup(t);
    const come = () => new Set(receiver.arrivals.map(({ id }) => id));
    const twice = () => receiver.arrivals.length - come().size;
    await until('events arrive', () => receiver.arrivals.length > perSecond, 30_000);

    const atFirst = await cluster.view();
    const released = ownedBy(atFirst, 'c');
    await cluster.stop('c');
    const withoutC = await cluster.shared(['a', 'b']);
    t.ok(released.length > 0, 'the one that is stopped owns partitions');
    for (const partition of released) {
      const { last_takeover_ms, takeover_duplicates } = withoutC.partitions[partition]!;
      t.ok(last_takeover_ms! <= handOverMsMax, `partition ${partition} was without an owner for ${last_takeover_ms} ms`);
      t.equal(takeover_duplicates, 0, 'and nothing of it was begun again');
    }
    t.equal(load.lost, 0, 'no request was left without an answer');

    await cluster.restart('c', { emptied: true });
    const withC = await cluster.shared(['a', 'b', 'c']);
    t.ok(ownedBy(withC, 'c').length > 0, 'a node with an empty data directory catches up and is given partitions');
    t.equal(twice(), 0, 'nothing has come twice');
    t.equal(load.lost, 0, 'no request was left without an answer');

    const lost = ownedBy(withC, 'b');
    const begunBefore = receiver.inFlight;
    await cluster.kill('b');
    const after = await cluster.shared(['a', 'c']);
    const takeovers = lost.map((partition) => after.partitions[partition]!);
    t.ok(lost.length > 0, 'the one that is killed owns partitions');
    for (const { partition, epoch, last_takeover_ms } of takeovers) {
      t.equal(epoch, withC.partitions[partition]!.epoch + 1, `partition ${partition} has one more owner`);
      t.ok(last_takeover_ms! <= sessionTtlMs + takeoverMsMax, `and was served again after ${last_takeover_ms} ms`);
    }

    await load.stop();
    const due = [...load.accepted].filter((id) => !load.cancelled.has(id));
    await until(
      'every event has come',
      () => {
        const ids = come();
        return due.every((id) => ids.has(id));
      },
      30_000,
    );
    t.same(load.strange, [], 'only 503 with Retry-After was ever an answer besides');
    const came = come();
    const cancelledAndCame = [...load.cancelled].filter((id) => came.has(id));
    t.same(cancelledAndCame, [], `${load.cancelled.size} that were cancelled never came`);
    const told = takeovers.reduce((sum, { takeover_duplicates }) => sum + takeover_duplicates!, 0);
    t.ok(twice() <= told + begunBefore, `${twice()} came twice: attempts under way at the kill`);
    t.comment(`${load.accepted.size} accepted, ${told} attempts begun again, ${begunBefore} under way at the kill`);
  },
);
