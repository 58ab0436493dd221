/** Actor hosts with their threads, of two nodes: what one has acknowledged, the other has when it takes over; also while NATS is away (F13). */
import { rmSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { baseStream, ensureLogStreams } from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { EventId } from '../../engine/kernel/event-id.js';
import { listSegments, listSnapshots, partitionDir } from '../../engine/log/segment/segment-files.js';
import { bodyOf, newId } from '../actor/host-fixture.js';
import { sheafOf } from '../actor/sheaves.js';
import { until } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { HostNode } from './host-node.js';

t.setTimeout(120_000);

const partitions = [0, 1, 2, 3] as PartitionId[];
const shape = { partitions: partitions.length, streams: 2 };

async function setup(t: Test) {
  const nats = await startNats(t);
  await ensureLogStreams(await connectNats(t, nats.url), shape);
  const node = () => new HostNode(t, nats.url, { partitions, streams: shape.streams });
  return { nats, node };
}

let requests = 0;

/** Far in the future. Resolves to their ids when they are accepted. */
async function schedule(node: HostNode, { partition, count }: { partition: PartitionId; count: number }): Promise<EventId[]> {
  const events = Array.from({ length: count }, () => ({
    event: newId(partition),
    body: bodyOf({ scheduledAtMs: 4e12 as never }),
  }));
  const request = requests + 1;
  requests += count;
  node.request(sheafOf(request, partition, events));
  for (let number = request; number < request + count; number++) {
    const { op } = await node.answer(number);
    if (op !== 'accepted') throw new Error(`expected it to be accepted, found ${op}`);
  }
  return events.map(({ event }) => event);
}

async function get(node: HostNode, partition: PartitionId, event: EventId) {
  const request = ++requests;
  node.request({ op: 'get', request, partition, event });
  return node.answer(request);
}

t.test(
  'what an owner has acknowledged its successors have: handed over, dropped, and with nothing on disk',
  needsNats,
  async (t) => {
    const { node } = await setup(t);
    const [one, other] = [node(), node()];
    const events = new Map<PartitionId, EventId[]>();
    for (const partition of partitions) {
      other.order({ op: 'follow', partition, on: true });
      await one.take(partition, 1);
      events.set(partition, await schedule(one, { partition, count: 50 }));
    }
    await other.hears('following', partitions[0]!, (news) => news.op === 'following' && news.lag === 0);

    const [handedOver, dropped] = partitions as [PartitionId, PartitionId];
    one.order({ op: 'release', partition: handedOver });
    t.match(await one.hears('released', handedOver), { epoch: 1 });
    one.order({ op: 'drop', partition: dropped });
    for (const partition of [handedOver, dropped]) {
      t.match(await get(one, partition, events.get(partition)![0]!), { op: 'refused', code: 'not-owner' });
      const serving = await other.take(partition, 2);
      t.match(serving, { epoch: 2, unfinishedAttempts: 0 });
      for (const event of events.get(partition)!)
        t.match(await get(other, partition, event), { op: 'event', view: { id: event } });
      await schedule(other, { partition, count: 1 });
    }

    const fresh = node();
    for (const partition of partitions) {
      await fresh.take(partition, 3);
      for (const event of events.get(partition)!)
        t.match(await get(fresh, partition, event), { op: 'event', view: { id: event } });
    }
    t.match(
      await get(one, partitions[2]!, events.get(partitions[2]!)![0]!),
      { op: 'event' },
      'who has not written since does not know yet',
    );
    const request = ++requests;
    one.request(sheafOf(request, partitions[2]!, [{ event: newId(2), body: bodyOf({ scheduledAtMs: 4e12 as never }) }]));
    t.match(await one.answer(request), { op: 'refused', code: 'outcome-unknown' }, 'what it accepts is not acknowledged');
    t.match(await one.hears('lost', partitions[2]!), { epoch: 1 });
  },
);

t.test('a node that starts again on its files goes on with them', needsNats, async (t) => {
  const { nats, node } = await setup(t);
  const first = node();
  const partition = partitions[1]!;
  await first.take(partition, 1);
  const events = await schedule(first, { partition, count: 20 });
  await first.close();
  const again = new HostNode(t, nats.url, { partitions, streams: shape.streams, dataDir: first.dataDir });
  await again.take(partition, 2);
  for (const event of events) t.match(await get(again, partition, event), { op: 'event' });
});

t.test('while NATS is away nothing is acknowledged; what waited is when it is back', needsNats, async (t) => {
  const { nats, node } = await setup(t);
  const owner = node();
  const partition = partitions[0]!;
  await owner.take(partition, 1);
  await schedule(owner, { partition, count: 1 });
  await nats.kill();
  const accepted = schedule(owner, { partition, count: 5 });
  t.notOk(owner.replies.some((reply) => reply.op === 'accepted' && reply.request > requests - 5));
  await nats.restart();
  t.equal((await accepted).length, 5);
});

t.test('an owner keeps bases and a short journal by itself; a damaged copy of it is made anew', needsNats, async (t) => {
  const { nats } = await setup(t);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  const partition = partitions[1]!;
  const parts = { partitions, streams: shape.streams, segmentBytesMax: 20_000 };
  const node = new HostNode(t, nats.url, parts);
  await node.take(partition, 1);
  const dir = partitionDir(node.dataDir, partition);
  const events: EventId[] = [];
  for (let segments = 1; segments < 5; segments++) {
    events.push(...(await schedule(node, { partition, count: 100 })));
    await until('a segment is sealed', () => listSegments(dir).length > segments);
  }
  await until('the journal is purged', async () => {
    const { state } = await manager.streams.info(baseStream);
    const oldest = await manager.streams.getMessage('ESCAPEMENT_LOG_1', { seq: 1, next_by_subj: 'escapement.p.1.j' } as never);
    return state.messages >= 4 && Number(oldest?.header?.get('Escapement-First')) > 1;
  });
  await node.close();

  rmSync(listSegments(dir)[1]!.path);
  for (const { path } of listSnapshots(dir)) rmSync(path);
  const again = new HostNode(t, nats.url, { ...parts, dataDir: node.dataDir });
  again.order({ op: 'take', partition, epoch: 2, term: 0 });
  t.match(await again.hears('failed', partition), { detail: /expected sequence/ });
  t.match(await again.take(partition, 3), { dataLosses: 0 });
  for (const event of events) t.match(await get(again, partition, event), { op: 'event', view: { id: event } });
});
