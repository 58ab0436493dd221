/** A cluster seen from outside: two engines and two gateways as processes of their own. What callers get is the same on each gateway. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openDataDir } from '../../engine/log/data-dir.js';
import type { Cluster, ClusterAnswer } from '../support/cluster.js';
import { until, within } from '../support/deadline.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import { misfits, type Schema } from '../support/json-schema.js';
import { needsNats } from '../support/nats-server.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { temporaryDir } from '../support/server.js';
import { engines, gateways, sharedCluster } from '../support/shared-cluster.js';

interface Description {
  readonly paths: Readonly<
    Record<
      string,
      { readonly get: { readonly responses: Readonly<Record<number, { readonly content: Record<string, { schema: Schema }> }>> } }
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const cluster: Cluster | null = needsNats.skip === false ? (await sharedCluster(t)).cluster : null;
const partitions = cluster?.partitions ?? 0;
const node = (name: string) => cluster!.node(name);
const [one, other] = gateways;

t.test('an event that one gateway took is there on the other, and is delivered once', needsNats, async (t) => {
  const receiver = await startReceiver(t);
  const key = { external_job_id: 'order-1', destination: receiver.url, payload: { order: 1 } };
  const first = await node(one).client.schedule(key);
  t.match(first, { status: 201, headers: { location: `/api/v1/events/${first.body.id}` } });
  t.match(await node(other).client.schedule(key), { status: 200, body: { id: first.body.id } });
  const delivered = await until('it is delivered', async () => {
    const { body } = await node(other).client.event(first.body.id);
    return body.status === 'DELIVERED' && body;
  });
  t.match(delivered, { attempts: 1, payload: { order: 1 }, status: 'DELIVERED' });
  t.match(
    receiver.arrivals.map(({ id, attempt }) => [id, attempt]),
    [[first.body.id, 1]],
  );
  t.match((await node(one).client.history(first.body.id)).body.data.at(-1), { status: 'DELIVERED' });
});

t.test('a batch reaches every partition, and lists and statistics are of all of them on each gateway', needsNats, async (t) => {
  const event = { destination: 'https://example.org/', delay: '1d', source: 'batch' };
  const events = Array.from({ length: 200 }, (_, number) => ({ ...event, external_job_id: `batch-${number}` }));
  t.match((await node(one).client.batch(events)).body, { accepted: 200, rejected: 0 });
  for (const gateway of gateways) {
    const { client } = node(gateway);
    const { body } = await client.get<{ data: { partition: number }[] }>('/api/v1/events?source=batch&limit=1000');
    t.equal(body.data.length, 200, gateway);
    t.equal(new Set(body.data.map(({ partition }) => partition)).size, partitions, 'of 200 each has some');
    t.match((await client.get('/api/v1/events/statistics?source=batch')).body, { total: 200, by_status: { SCHEDULED: 200 } });
  }
  const cancelled = await node(other).client.post('/api/v1/events/cancel', { filter: { source: 'batch' }, limit: 1_000 });
  t.match(cancelled, { status: 200, body: { changed: 200 } });
});

t.test('a cursor that one gateway gave is good on the other', needsNats, async (t) => {
  const follow = async (gateway: string, query: string) => {
    const stream = await EventStreamClient.connect(node(gateway).url, `/api/v1/stream/sse?source=followed${query}`);
    t.teardown(() => stream.close());
    return stream;
  };
  const before = await follow(one, '&cursor=now');
  const { data } = await until('it follows', () => before.events.find(({ event }) => event === 'subscribed'));
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) {
    const { body } = await node(one).client.schedule({ destination: 'https://example.org/', delay: '1d', source: 'followed' });
    ids.push(body.id);
  }
  const after = await follow(other, `&cursor=${encodeURIComponent(String(data['cursor']))}`);
  const seen = () =>
    after.events.flatMap(({ event, data }) => (event === 'changes' ? (data['items'] as { event_id: string }[]) : []));
  await until('all changes are told', () => seen().length >= 5);
  t.same(
    seen()
      .map(({ event_id }) => event_id)
      .sort(),
    [...ids].sort(),
  );
});

t.test('the cluster is shown as it is described, alike on each gateway', needsNats, async (t) => {
  const view = await cluster!.shared(engines);
  const { body: description } = await node(one).client.get<Description>('/openapi.json');
  const { schema } = description.paths['/api/v1/cluster']!.get.responses[200]!.content['application/json']!;
  const resolve = (reference: string): Schema => description.components.schemas[reference.replace('#/components/schemas/', '')]!;
  t.same(misfits(view, schema, resolve), []);
  t.same(
    view.nodes.map(({ id, alive, address }) => [id, alive, address]),
    [...engines, ...gateways].map((name) => [name, true, node(name).url]),
  );
  for (const gateway of gateways) t.same(view.nodes.find(({ id }) => id === gateway)?.partitions, []);
  t.same(
    view.nodes.flatMap(({ partitions }) => partitions).sort((a, b) => a - b),
    Array.from({ length: partitions }, (_, partition) => partition),
  );
  for (const { owner, standby } of view.partitions) t.same([owner, standby].sort(), [...engines]);
  const owners = ({ partitions }: ClusterAnswer) =>
    partitions.map(({ partition, owner, epoch }) => ({ partition, owner, epoch }));
  for (const gateway of gateways) {
    const { body } = await node(gateway).client.get<ClusterAnswer>('/api/v1/cluster');
    t.same(owners(body), owners(view), gateway);
  }
});

t.test('whatever its role, a node says when it takes work', needsNats, async (t) => {
  for (const name of [...gateways, ...engines]) {
    t.match(await node(name).client.get('/health/ready'), { status: 200, body: { status: 'ready' } }, name);
  }
});

t.test('an engine answers health and metrics and nothing about events', needsNats, async (t) => {
  const { client } = node('engine-1');
  t.match(await client.get('/health'), { status: 200, body: { status: 'ready' } });
  t.match(await client.get('/metrics'), { status: 200, text: /^escapement_events_pending/m });
  t.match(await client.schedule({ destination: 'https://example.org/' }), { status: 421, body: { code: 'misdirected' } });
  t.match(await client.get('/api/v1/cluster'), { status: 421 });
});

t.test('handlers of a program have no place in a cluster', needsNats, async (t) => {
  t.match(await node(one).client.schedule({ delivery_type: 'LOCAL', destination: 'handler' }), {
    status: 422,
    body: { code: 'destination-not-allowed', detail: /LOCAL/ },
  });
});

const program = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  new Program({ script: new URL('../../gateway/main.js', import.meta.url), args, env });

t.test('who disagrees with the cluster is refused with one line, and nothing is made (F37)', needsNats, async (t) => {
  const nats = { ESCAPEMENT_NATS_URL: cluster!.nats.map(({ url }) => url).join(',') };
  const dataDir = join(temporaryDir(t), 'data');
  const refusal = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
    const { exited, stderr } = program([...args, '--port', '0'], env);
    t.match(await within('it ends', exited), { code: 1 });
    t.equal(stderr.length, 1);
    return stderr[0];
  };
  t.match(await refusal(['engine', '--data-dir', dataDir, '--partitions', '4'], nats), /was made with 6 partitions/);
  t.match(await refusal(['gateway', '--partitions', '4'], nats), /was made with 6 partitions/);
  t.match(await refusal(['engine', '--data-dir', dataDir], {}), /"escapement engine" needs ESCAPEMENT_NATS_URL/);
  t.notOk(existsSync(dataDir));
  openDataDir({ dataDir, partitions, cluster: null }).close();
  t.match(await refusal(['engine', '--data-dir', dataDir], nats), /is of a node alone, and its events are not in cluster/);
});

t.test('what a node that has stopped leaves behind is whole, and nobody else’s', needsNats, async (t) => {
  const dataDir = cluster!.dataDirOf('engine-2');
  t.match(await node('engine-2').stop(), { code: 0 });
  const verify = program(['verify', '--data-dir', dataDir]);
  t.match(await within('it has looked', verify.exited), { code: 0 });
  t.match(verify.stderr[0], /^this is what one node of cluster [0-9a-f]{16} has copied: 6 of 6 partitions/);
  const alone = program(['serve', '--data-dir', dataDir, '--port', '0']);
  t.match(await within('it ends', alone.exited), { code: 1 });
  t.match(alone.stderr[0], /is of a node of cluster .*: set ESCAPEMENT_CLUSTER=true/);
  await cluster!.restart('engine-2');
});
