import t, { type Test } from 'tap';
import { SettingsNews } from '../../../engine/cluster/origins/settings-news.js';
import type { SettingsTold } from '../../../engine/dispatch/protocol.js';
import type { PartitionId, Sequence } from '../../../engine/kernel/brand.js';
import { EngineError } from '../../../engine/kernel/errors.js';
import type { Accepted } from '../../../engine/router/host-link.js';
import { until } from '../../support/deadline.js';

/** Owners whose answers the test gives. Partition 0 is this node's. */
function setup(t: Test) {
  const asked: { partition: PartitionId; answer: (position: number) => void; refuse: () => void }[] = [];
  const told: SettingsTold[] = [];
  const lost: PartitionId[] = [];
  const news = new SettingsNews({
    partitions: 3,
    linkOf: (partition) => ({
      ask: () =>
        new Promise<Accepted>((resolve, reject) => {
          asked.push({
            partition,
            answer: (position) => resolve({ op: 'settings-kept', request: 1, position: position as Sequence, rows: [] }),
            refuse: () => reject(new EngineError('partition-unavailable', 'nobody owns it')),
          });
        }),
    }),
    isElsewhere: (partition) => partition !== 0,
    tell: (each) => told.push(each),
    lost: (partition) => lost.push(partition),
  });
  t.teardown(() => news.close());
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { asked, told, lost, news, turn };
}

const one = 1 as PartitionId;

t.test('every partition that another node owns is asked for, and couriers are told', async (t) => {
  const { asked, told, news, turn } = setup(t);
  news.askAll();
  t.same(
    asked.map(({ partition }) => partition),
    [1, 2],
  );
  asked[1]!.answer(7);
  await turn();
  t.same(told, [{ partition: 2, position: 7, rows: [] }]);
});

t.test('a partition that came here while its former owner was asked is asked for here', async (t) => {
  const { asked, told, lost, news, turn } = setup(t);
  const own = 0 as PartitionId;
  news.changed(own);
  asked[0]!.refuse();
  await turn();
  t.same(lost, [own], 'its host has told the couriers, and now this');
  await until('it is asked again', () => asked.length === 2);
  asked[1]!.answer(7);
  await turn();
  t.same(told, [{ partition: own, position: 7, rows: [] }]);
});

t.test('news that comes while it is asked has it asked once more', async (t) => {
  const { asked, told, news, turn } = setup(t);
  news.ownerChanged(one);
  news.changed(one);
  news.ownerChanged(one);
  t.equal(asked.length, 1);
  asked[0]!.answer(7);
  await turn();
  t.equal(asked.length, 2);
  asked[1]!.answer(8);
  await turn();
  t.equal(asked.length, 2);
  t.same(
    told.map(({ position }) => position),
    [7, 8],
  );
});

t.test('what this node serves is asked for only when it has changed', async (t) => {
  const { asked, news } = setup(t);
  news.ownerChanged(0 as PartitionId);
  t.equal(asked.length, 0);
  news.changed(0 as PartitionId);
  t.equal(asked.length, 1);
});

t.test('what nobody tells is told to be so, and asked for again', async (t) => {
  const { asked, told, lost, news, turn } = setup(t);
  news.ownerChanged(one);
  asked[0]!.refuse();
  await turn();
  t.same(lost, [1]);
  await until('it is asked again', () => asked.length === 2);
  asked[1]!.answer(3);
  await turn();
  t.match(told, [{ partition: 1, position: 3 }]);
});

t.test('after its end it tells nothing', async (t) => {
  const { asked, told, news, turn } = setup(t);
  news.ownerChanged(one);
  news.close();
  asked[0]!.answer(3);
  await turn();
  t.same(told, []);
});
