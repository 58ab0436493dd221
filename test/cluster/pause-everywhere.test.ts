/**
 * What is set for an origin, in a cluster of real processes: a pause that was answered holds on every node, also on one that was frozen meanwhile, and
 * any node shows what all of them have.
 */
import root from 'tap';
import { placeOfOrigin } from '../../engine/event/origin-settings.js';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { pause, until } from '../support/deadline.js';
import type { Client } from '../support/http.js';
import { needsNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { engines, gateways, sharedCluster } from '../support/shared-cluster.js';

interface Shown {
  readonly origin: string;
  readonly in_flight: number;
  readonly waiting: number;
  readonly breaker: string;
  readonly paused: boolean;
  readonly concurrency: number;
}

root.setTimeout(170_000);

/** From the start of an attempt to the receiver's note of it, on a busy machine. */
const onTheWayMsMax = 1_000;
/** Longer than a session, its detection and a little. */
const goneMsMax = sessionTtlMs + 6_000;

root.test(
  'a pause holds on every node, also on one that was frozen when it was set',
  { ...needsNats, timeout: 160_000 },
  async (t) => {
    const { cluster } = await sharedCluster(root);
    const receiver = await startReceiver(t);
    const origin = receiver.url;
    const path = `/api/v1/destinations/${encodeURIComponent(origin)}`;
    const [one, other] = gateways.map((name) => cluster.node(name).client) as [Client, Client];
    const set = async (client: Client, body: unknown): Promise<Shown> => {
      const { status, body: shown, text } = await client.patch<Shown>(path, body);
      t.equal(status, 200, status === 200 ? 'it is set' : text);
      return shown;
    };
    const post = async (count: number, delay = '0s'): Promise<void> => {
      const events = Array.from({ length: count }, (_, n) => ({ destination: `${origin}/${n % 2}`, delay, payload: { n } }));
      const { status, text } = await cluster.client.batch(events);
      t.ok(status < 300, status < 300 ? `${count} are accepted` : text);
    };
    const arrivedSince = (since: number): number => receiver.arrivals.filter(({ atMs }) => atMs > since).length;

    await post(240, '500ms');
    await until('events of all partitions arrive', () => receiver.arrivals.length > 20, 20_000);
    t.match(await set(one, { paused: true, concurrency: 7 }), { paused: true, concurrency: 7 });
    const pausedAt = Date.now();
    await post(60);
    await pause(2_000);
    t.equal(arrivedSince(pausedAt + onTheWayMsMax), 0, 'nothing starts behind the answer');
    const waiting = 300 - receiver.arrivals.length;
    for (const name of gateways) {
      const { client } = cluster.node(name);
      await until(`${name} shows all that wait`, async () => (await client.get<Shown>(path)).body.waiting === waiting);
      const page = await client.get<{ readonly data: readonly Shown[] }>('/api/v1/destinations');
      t.match(
        page.body.data.filter((each) => each.origin === origin),
        [{ paused: true, concurrency: 7, waiting, in_flight: 0, breaker: 'closed' }],
      );
    }
    await set(other, { paused: false });
    await until('everything arrives', () => receiver.arrivals.length >= 300, 20_000);

    // Frozen with events that are due while it is: it wakes up as somebody who may start nothing.
    await post(120, '2s');
    const { home } = placeOfOrigin(origin, cluster.partitions);
    const owner = (await cluster.view()).partitions[home]!.owner!;
    const frozen = engines.find((name) => name !== owner)!;
    cluster.node(frozen).signal('SIGSTOP');
    const frozenAt = Date.now();
    await set(one, { paused: true });
    const heldAt = Date.now();
    t.ok(heldAt - frozenAt < goneMsMax, `answered ${heldAt - frozenAt} ms after it was frozen`);
    const before = receiver.arrivals.length;
    cluster.node(frozen).signal('SIGCONT');
    await cluster.shared(engines, 40_000);
    await pause(1_000);
    t.equal(arrivedSince(heldAt + onTheWayMsMax), 0, 'neither the frozen one nor its heir starts anything');
    t.comment(`answered after ${heldAt - frozenAt} ms; ${before - 300} had arrived before`);
    await set(other, { paused: false });
    await until('everything arrives', () => new Set(receiver.arrivals.map(({ id }) => id)).size === 420, 20_000);
  },
);
