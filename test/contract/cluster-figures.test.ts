/**
 * What is seen of a cluster of processes: the same figures through every gateway, also one without partitions, and everything told once; and two living processes of one
 * node id, as copied settings or a copied data directory make them. What a dead one has left is no such case.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { type Cluster, startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import { connectNats, needsNats } from '../support/nats-server.js';
import type { Server } from '../support/server.js';

t.setTimeout(120_000);

const partitions = 6;
const cluster: Cluster | null =
  needsNats.skip === false
    ? await startCluster(t, {
        nodes: ['both'],
        engines: ['engine'],
        gateways: ['gateway'],
        partitions,
        env: { ESCAPEMENT_BREAKER: 'off' },
        envOf: { namesake: { ESCAPEMENT_NODE_ID: 'both' } },
      })
    : null;
const client = (name: string) => cluster!.node(name).client;
const doors = ['both', 'gateway'];

interface Statistics {
  readonly total: number;
  readonly by_status: Readonly<Record<string, number>>;
  readonly rates: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly fire_lag_ms: { readonly count: number };
}

interface Health {
  readonly status: string;
  readonly components: readonly { readonly name: string; readonly status: string; readonly detail: string | null }[];
}

const statistics = async (name: string) => (await client(name).get<Statistics>('/api/v1/events/statistics')).body;
const health = (name: string) => client(name).get<Health>('/health/ready');

async function metric(name: string, series: string): Promise<number | undefined> {
  const { text } = await client(name).get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const later = { destination: 'https://example.org/hook', delay: '1d' };
const dying = { destination: 'http://127.0.0.1:9/', max_retries: 0 };
const laterEvents = 60;
const deaths = 24;
/** A hand-over takes longer. */
const lookMs = 20;

t.test('changes and deaths are told once, by whoever owns the partition', needsNats, async (t) => {
  const connection = await connectNats(t, cluster!.nats[0]!.url);
  const manager = await jetstreamManager(connection);
  const letters = () =>
    manager.streams.info('ESCAPEMENT_DEAD').then(
      ({ state }) => state.messages,
      () => -1,
    );
  await until('dead letters can be told', async () => (await letters()) === 0);
  const told: string[] = [];
  const toldIn = new Set<number>();
  const subscription = connection.subscribe('escapement.status.*', {
    callback: (_, message) => {
      const { partition, items } = message.json<{ partition: number; items: { event_id: string; version: number }[] }>();
      for (const { event_id: id, version } of items) told.push(`${id}:${version}`);
      if (items.length > 0) toldIn.add(partition);
    },
  });
  await connection.flush();
  // With names: what has none and comes together goes to one partition.
  const named = (length: number, event: object, name: string) =>
    Array.from({ length }, (_, number) => ({ ...event, external_job_id: `${name}-${number}` }));
  const events = [...named(laterEvents, later, 'later'), ...named(deaths, dying, 'dying')];
  t.match((await client('gateway').batch(events)).body, { accepted: laterEvents + deaths });
  await until('every death is told', async () => (await letters()) === deaths);
  // Of each one that died three changes.
  await until('every change is told', () => new Set(told).size === laterEvents + 3 * deaths);
  t.equal(told.length, laterEvents + 3 * deaths, 'and none twice');
  t.equal(toldIn.size, partitions);
  t.equal(await letters(), deaths);
  subscription.unsubscribe();
  const letterCounts = await Promise.all(['both', 'engine'].map((name) => metric(name, 'escapement_dead_letters_total')));
  t.equal(
    letterCounts.reduce<number>((sum, count) => sum + count!, 0),
    deaths,
  );
  t.ok(
    letterCounts.every((count) => count! > 0),
    `${letterCounts}`,
  );
});

t.test('statistics and history are of all nodes, through a gateway without partitions too', needsNats, async (t) => {
  for (const name of doors) {
    const seen = await until(`${name} has heard of everything`, async () => {
      const found = await statistics(name);
      return found.fire_lag_ms.count === deaths && found;
    });
    t.match(seen, { total: laterEvents + deaths, by_status: { SCHEDULED: laterEvents, DEAD: deaths } }, name);
    const counted = await until(`${name} has a sample of it all`, async () => {
      const { series } = (
        await client(name).get<{ series: { accepted: number; failed: number; pending: number }[] }>('/api/v1/metrics/history')
      ).body;
      const sum = (of: 'accepted' | 'failed') => series.reduce((total, sample) => total + sample[of], 0);
      return sum('failed') >= deaths && { accepted: sum('accepted'), failed: sum('failed'), pending: series.at(-1)!.pending };
    });
    const source = (await client(name).get<Statistics>('/api/v1/events/statistics?source=default')).body;
    t.match(source, { total: laterEvents + deaths, fire_lag_ms: { count: deaths } }, 'of a source, counted once as well');
    t.same(counted, { accepted: laterEvents + deaths, failed: deaths, pending: laterEvents }, name);
    t.ok((await statistics(name)).rates['accepted']!['15m']! > 0, name);
  }
});

t.test('every node is well, and says where partitions are', needsNats, async (t) => {
  for (const name of ['both', 'engine', 'gateway']) {
    const { status, body } = await health(name);
    t.match({ status, body }, { status: 200, body: { status: 'ready' } }, name);
    t.equal(body.components.filter((one) => one.name.startsWith('partition ')).length, partitions);
    t.match(
      body.components.find((one) => one.name === 'cluster'),
      { status: 'ready', detail: null },
    );
    t.equal(
      body.components.some((one) => one.name === 'disk'),
      name !== 'gateway',
      name,
    );
    t.equal(await metric(name, 'escapement_cluster_joined'), 1, name);
    t.equal(await metric(name, 'escapement_cluster_nodes'), 3, name);
    t.equal(await metric(name, 'escapement_cluster_partitions_unowned'), 0, name);
  }
  const details = (await health('gateway')).body.components.filter((one) => one.name.startsWith('partition '));
  t.same(new Set(details.map(({ detail }) => detail)), new Set(['on node both', 'on node engine']));
  // One for each partition that is served here, and for each that was given away when a node that started more slowly came.
  const takeovers = Number(await metric('both', 'escapement_cluster_takeover_seconds_count'));
  const serving = Number(await metric('both', 'escapement_cluster_partitions{stage="serving"}'));
  t.ok(serving > 0 && takeovers >= serving, `${takeovers} takeovers, ${serving} served`);
});

t.test('while an engine is stopped no event vanishes from the figures, and nobody becomes unready', needsNats, async (t) => {
  let isOver = false;
  const statuses = new Set<string>();
  const seen = new Set<number>();
  const watching = (async () => {
    while (!isOver) {
      const [{ status, body }, { by_status: byStatus }] = await Promise.all([health('gateway'), statistics('gateway')]);
      statuses.add(`${status} ${body.status}`);
      seen.add(byStatus['SCHEDULED']!);
      await pause(lookMs);
    }
  })();
  await cluster!.stop('engine');
  await cluster!.shared(['both']);
  isOver = true;
  await watching;
  t.same([...statuses], ['200 ready']);
  t.same([...seen], [laterEvents]);
  await until(
    'the other one has counted them all',
    async () => (await metric('both', 'escapement_events_pending')) === laterEvents,
  );
  for (const name of doors) t.match(await statistics(name), { fire_lag_ms: { count: deaths } }, 'what is gone counts on');
});

t.test('two living processes of one id say so, and no longer when one has gone', needsNats, async (t) => {
  const said = 'two processes bear the id of this node';
  const timesSaid = (server: Server): number => server.logs().filter(({ msg }) => msg === said).length;
  const standing = async ({ client }: Server) => {
    const { body } = await client.get<Health>('/health');
    return { ...body.components.find(({ name }) => name === 'cluster')!, overall: body.status };
  };
  // Killed and started again, it meets the session that it has left behind, and its own id in it.
  await cluster!.kill('both');
  await cluster!.restart('both');
  const first = cluster!.node('both');
  await cluster!.shared(['both'], 60_000);
  t.match(await standing(first), { overall: 'ready', status: 'ready', detail: null });

  const second = await cluster!.join('namesake');
  for (const [server, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const shown = await until('it is noticed', async () => {
      const shown = await standing(server);
      return shown.status === 'degraded' ? shown : null;
    });
    t.match(shown, { overall: 'degraded', detail: /says that it is node both: give each an ESCAPEMENT_NODE_ID of its own/ });
    t.match(shown.detail, other.url, 'and where it is');
    t.equal((await server.client.get('/health/ready')).status, 200, 'it goes on working');
  }
  t.same([first, second].map(timesSaid), [1, 1], 'each has said so once');
  await cluster!.stop('namesake');
  await until('the name is its own again', async () => (await standing(first)).status === 'ready');
  await cluster!.shared(['both'], 60_000);
  await cluster!.stop('both');
  t.equal(timesSaid(first), 1, 'nor does it take itself for another one when it stops');
});
