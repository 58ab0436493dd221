import t, { type Test } from 'tap';
import { AttemptShares } from '../../../engine/cluster/origins/attempt-shares.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';

function setup(t: Test) {
  let alive: { node: string; session: string; weight: number }[] = [];
  const owned = new Map<number, { session: string; released: boolean }>();
  let membersChanged = (): void => undefined;
  let ownerChanged: (partition: PartitionId) => void = () => undefined;
  const told: number[] = [];
  const shares = new AttemptShares({
    partitions: 4,
    members: {
      get alive() {
        return alive;
      },
      watch: (listener) => {
        membersChanged = listener;
        return () => undefined;
      },
    },
    owners: {
      of: (partition) => owned.get(partition) ?? null,
      watch: (listener) => {
        ownerChanged = listener;
        return () => undefined;
      },
    },
    tell: (sharers) => told.push(sharers),
  });
  t.teardown(() => shares.close());
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const live = async (...members: typeof alive) => {
    alive = members;
    membersChanged();
    await turn();
  };
  const own = async (partition: number, owner: { session: string; released: boolean }) => {
    owned.set(partition, owner);
    ownerChanged(partition as PartitionId);
    await turn();
  };
  return { told, live, own, shares };
}

const member = (session: string, weight = 1, node = session) => ({ session, node, weight });

t.test('those that take partitions share, each node once, and a node alone has all', async (t) => {
  const { told, live } = setup(t);
  await live(member('a'));
  t.same(told, []);
  await live(member('a'), member('b'), member('b2', 1, 'b'), member('gateway', 0));
  t.same(told, [2]);
  await live(member('b'), member('a'));
  t.same(told, [2], 'told on a change only');
  await live();
  t.same(told, [2, 1]);
});

t.test('one that leaves counts until it has handed over its last partition', async (t) => {
  const { told, live, own } = setup(t);
  await live(member('a'), member('b'));
  await own(3, { session: 'b', released: false });
  await live(member('a'), member('b', 0));
  t.same(told, [2]);
  await own(3, { session: 'b', released: true });
  t.same(told, [2, 1]);
});

t.test('after its end it tells nothing', async (t) => {
  const { told, live, shares } = setup(t);
  shares.close();
  await live(member('a'), member('b'));
  t.same(told, []);
});
