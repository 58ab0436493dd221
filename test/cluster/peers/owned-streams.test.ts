import t from 'tap';
import { OwnedStreams } from '../../../engine/cluster/peers/owned-streams.js';
import { WatchDesk } from '../../../engine/cluster/peers/watch-desk.js';
import type { PartitionId, Sequence } from '../../../engine/kernel/brand.js';
import type { ToldStream } from '../../../engine/status/told-streams.js';
import type { Span } from '../../../engine/status/past-changes.js';
import { until } from '../../support/deadline.js';
import { change, everything } from '../../status/status-changes.js';

function setup() {
  const orders: { readonly host: number; readonly on: boolean; readonly round: number }[] = [];
  const watchDesk = new WatchDesk({ hosts: 1, hostOf: () => 0, order: (order) => void orders.push(order) });
  const reads: Span[] = [];
  const begun: ToldStream[] = [];
  const ended: ToldStream[] = [];
  const streams = new OwnedStreams({
    partitions: 8,
    streamId: 'abcdef',
    replayWindow: 1_000,
    watchDesk,
    read: (span) => void reads.push(span),
    listenerFailed: (error) => {
      throw error;
    },
  });
  streams.watch({ begun: (stream) => void begun.push(stream), ended: (stream) => void ended.push(stream) });
  const answer = (positions: readonly (readonly [number, number])[]) =>
    watchDesk.watching({
      host: 0,
      round: orders.at(-1)!.round,
      positions: positions.map(([partition, seq]) => [partition as PartitionId, seq as Sequence]),
    });
  return { orders, watchDesk, begun, ended, streams, answer, reads };
}

t.test('there is a stream for each partition that is owned, under a name that the next owner has as well', async (t) => {
  const { begun, ended, streams } = setup();
  t.teardown(() => streams.close());
  streams.serves(3 as PartitionId);
  streams.serves(3 as PartitionId);
  streams.serves(5 as PartitionId);
  t.same(
    begun.map(({ name, partitions, isHandedOn }) => ({ name, partitions, isHandedOn })),
    [
      { name: 'abcdef.3', partitions: [3], isHandedOn: true },
      { name: 'abcdef.5', partitions: [5], isHandedOn: true },
    ],
  );
  const late: string[] = [];
  const unwatch = streams.watch({ begun: ({ name }) => void late.push(name), ended: () => undefined });
  t.same(late, ['abcdef.3', 'abcdef.5'], 'who watches later hears of those that there are');
  unwatch();
  streams.ends(3 as PartitionId);
  streams.ends(3 as PartitionId);
  t.same(ended, [begun[0]]);
});

t.test('a stream has the changes of its partition and of no other, and asks nobody else for them', async (t) => {
  const { orders, watchDesk, begun, streams, answer } = setup();
  t.teardown(() => streams.close());
  streams.serves(3 as PartitionId);
  streams.serves(5 as PartitionId);
  t.same(orders, [], 'nothing is followed while nobody subscribes');
  const heard: number[] = [];
  const subscribed = begun[0]!.subscribe(
    everything,
    ({ items }) => {
      for (const { partition, seq } of items) heard.push(partition * 100 + seq);
      return true;
    },
    null,
  );
  t.equal(orders.length, 1);
  answer([
    [3, 10],
    [5, 20],
  ]);
  const subscription = await subscribed;
  t.ok(subscription.cursor.startsWith('abcdef'));
  await until('it is live', () => {
    if (heard.length === 0) watchDesk.publish([change(5, 21), change(3, 11)]);
    return heard.length > 0;
  });
  t.same(heard, [311]);
  const place = subscription.place();
  subscription.close();
  t.equal(orders.at(-1)!.on, false);

  const again = begun[0]!.subscribe(everything, () => true, place);
  answer([[3, 11]]);
  t.equal((await again).place(), place);
  await t.rejects(
    begun[0]!.subscribe(everything, () => true, place.replace('abcdef', 'ghijkl')),
    { code: 'invalid' },
  );
});

t.test('whoever finds that nobody has told of a partition begins before its first change', async (t) => {
  const { begun, streams, answer, reads } = setup();
  t.teardown(() => streams.close());
  streams.serves(3 as PartitionId);
  const subscribed = begun[0]!.subscribe(everything, () => true, begun[0]!.beginning);
  answer([[3, 10]]);
  t.equal((await subscribed).place(), begun[0]!.beginning);
  await until('what has happened is read', () => reads.length > 0);
  t.same(reads, [{ partition: 3, after: 0, upTo: 10 }]);
});

t.test(
  'nobody begins in a partition of which it is not known where it stands, which would be no place to go on from',
  async (t) => {
    const { begun, streams, answer } = setup();
    t.teardown(() => streams.close());
    streams.serves(3 as PartitionId);
    let hasBegun = false;
    const subscribed = begun[0]!
      .subscribe(everything, () => true, null)
      .then((subscription) => {
        hasBegun = true;
        return subscription;
      });
    answer([[5, 20]]);
    await new Promise(setImmediate);
    t.notOk(hasBegun, 'the host has not named it yet');
    answer([[3, 10]]);
    const { cursor } = await subscribed;
    const gaps: string[] = [];
    const again = begun[0]!.subscribe(
      everything,
      ({ gapFrom }) => {
        if (gapFrom !== null) gaps.push(gapFrom);
        return true;
      },
      cursor,
    );
    answer([[3, 10]]);
    t.equal((await again).place(), cursor);
    await new Promise(setImmediate);
    t.same(gaps, []);
  },
);

t.test('a stream that has ended sends nobody to the hosts any more', async (t) => {
  const { orders, begun, streams, answer } = setup();
  streams.serves(3 as PartitionId);
  const subscribed = begun[0]!.subscribe(everything, () => true, null);
  answer([[3, 10]]);
  await subscribed;
  streams.close();
  t.equal(orders.at(-1)!.on, false);
});
