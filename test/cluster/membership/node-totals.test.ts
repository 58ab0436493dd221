/** Nodes tell each other what they have counted, over a real server; and how big that is. */
import t from 'tap';
import { NodeTotalsExchange } from '../../../engine/cluster/membership/node-totals.js';
import { decodeTotals, encodeTotals } from '../../../engine/cluster/membership/totals-message.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { encodeMessages } from '../../../engine/kernel/message-codec.js';
import { ClusterTotals, type HeardTotals, type NodeTotals } from '../../../engine/observe/cluster-totals.js';
import { LatencyRecorder } from '../../../engine/observe/latency.js';
import { levelsOf } from '../../observe/host-figures.js';
import { until } from '../../support/deadline.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';
import { linkTo } from '../cluster-fixture.js';

t.setTimeout(60_000);

const everyMs = 20;
const partitions = 64;

/** Of a node that has been busy for long: lags from 0.1 ms to 10 s. */
function busyTotals(owned: number): NodeTotals {
  const recorder = new LatencyRecorder();
  for (let sample = 0; sample < 50_000; sample++) recorder.record(0.1 * 100_000 ** ((sample * 0.618_033_988_7) % 1));
  const figures = recorder.figures();
  return {
    counted: {
      accepted: 123_456_789,
      fired: 123_456_700,
      delivered: 123_000_000,
      failed: 456_700,
      fireLag: figures,
      delivery: figures,
    },
    queues: {
      waiting: { concurrency: 12_345, breaker: 678, paused: 0, recovery: 90_000 },
      overdue: 90_000,
      longestBacklog: 70_000,
      oldestOverdueMs: 123_456.7,
    },
    partitions: Array.from({ length: owned }, (_, partition) => {
      const [, levels] = levelsOf(partition, {
        byStatus: { SCHEDULED: 150_000, DELIVERED: 1_200_000 },
        byDeliveryType: { HTTP: 1_350_000 },
      });
      return { partition: partition as PartitionId, epoch: 1_000, ...levels };
    }),
  };
}

t.test('a word comes back as it was, and is small', async (t) => {
  const said: HeardTotals = { ...busyTotals(22), upMs: 5_000, isLast: true };
  const bytes = encodeTotals(said);
  const heard = decodeTotals(bytes, partitions)!;
  const slots = said.counted.fireLag.points.length / 2;
  t.comment(`${bytes.length} bytes with ${slots} slots of each distribution and ${said.partitions.length} partitions`);
  t.ok(bytes.length < 12_000);
  t.same(heard.counted.delivery.points, said.counted.delivery.points);
  const rounded = (figures: HeardTotals['counted']['fireLag']) => ({ ...figures, sumMs: Math.round(figures.sumMs) });
  const counted = { ...said.counted, fireLag: rounded(said.counted.fireLag), delivery: rounded(said.counted.delivery) };
  t.same(heard, { ...said, counted, queues: { ...said.queues, oldestOverdueMs: 123_457 } });
});

t.test('what is no word of a node is none', async (t) => {
  const good = { ...busyTotals(1), upMs: 1, isLast: false };
  const bytes = encodeTotals(good);
  t.not(decodeTotals(bytes, partitions), null);
  t.equal(decodeTotals(bytes, 0), null, 'a partition that the cluster does not have');
  for (let length = 0; length < bytes.length; length += 7) t.equal(decodeTotals(bytes.subarray(0, length), partitions), null);
  const counters = [1, 2, 3, 4];
  for (const wrong of [null, 'text', [], [2, 1, 0, counters, [], [], [], []], [1, Number.NaN, 0, counters, [], [], [], []]]) {
    t.equal(decodeTotals(encodeMessages([wrong]), partitions), null);
    if (Array.isArray(wrong)) t.equal(decodeTotals(encodeMessages(wrong), partitions), null);
  }
  const beyond = { ...good, counted: { ...good.counted, fireLag: { ...good.counted.fireLag, points: [1_000_000, 1] } } };
  t.equal(decodeTotals(encodeTotals(beyond), partitions), null, 'a slot that no histogram has');
});

t.test('through a gateway without partitions the totals of all nodes are seen, and stay when one ends', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  let bytes = 0;
  let words = 0;
  const watched = connection.subscribe('escapement.cluster.totals.*', {
    callback: (_, msg) => {
      bytes += msg.data.length;
      words++;
    },
  });
  const gateway = new ClusterTotals({ own: null, nowMs: () => performance.now(), silenceMsMax: 5_000 });
  const heard = (process: string, totals: HeardTotals) => gateway.hear(process, totals);
  const listens = new NodeTotalsExchange({ link: await linkTo(t, nats), partitions, own: null, heard });
  t.teardown(() => listens.close());
  const revisions = [1, 1];
  const nodes = await Promise.all(
    revisions.map(async (_, node) => {
      const own = { revision: () => revisions[node]!, totals: () => busyTotals(22) };
      return new NodeTotalsExchange({ link: await linkTo(t, nats), partitions, own, heard: null, everyMs });
    }),
  );
  t.teardown(() => nodes[1]!.close());

  await until('both are heard', () => gateway.heard === 2, 20_000);
  t.equal(gateway.totals().counted.accepted, 2 * 123_456_789);
  t.equal(gateway.totals().byStatus.SCHEDULED, 22 * 150_000, 'a partition that two tell of is counted once');
  revisions[0]!++;
  nodes[0]!.close();
  await until('its last word is heard', () => gateway.heard === 1, 20_000);
  t.equal(gateway.totals().overdue, 90_000);
  t.equal(gateway.totals().counted.accepted, 2 * 123_456_789);
  t.comment(`${Math.round(bytes / words)} bytes a word`);
  watched.unsubscribe();
});
