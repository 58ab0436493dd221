/** When an owner takes requests: behind what was kept for it, at first and after each time that it was cut off. */
import t, { type Test } from 'tap';
import { OpenPartitions } from '../../engine/cluster/open-partitions.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { until } from '../support/deadline.js';

const partition = 3 as PartitionId;

function setup(t: Test) {
  const world = { isAhead: true, changes: 0, takings: [] as ((areAllDecided: boolean) => void)[] };
  const open = new OpenPartitions({
    kept: {
      takeIn: () => new Promise((resolve) => world.takings.push(resolve)),
      look: () => Promise.resolve([]),
    },
    lease: {
      get isAhead() {
        return world.isAhead;
      },
    },
    hostOf: () => ({}) as never,
    changed: () => world.changes++,
  });
  t.teardown(() => open.close());
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { open, world, settled };
}

t.test('it opens when everything that was kept has been decided', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  t.notOk(open.isOpen(partition));
  world.takings.shift()!(false);
  await until('it tries again', () => world.takings.length === 1);
  t.notOk(open.isOpen(partition));
  world.takings.shift()!(true);
  await settled();
  t.ok(open.isOpen(partition));
  t.equal(world.changes, 1);
  open.ends(partition);
  t.notOk(open.isOpen(partition));
  t.equal(world.changes, 2);
});

t.test('behind a lease that was withheld it looks for what was kept meanwhile before it takes requests again', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  world.takings.shift()!(true);
  await settled();
  world.isAhead = false;
  t.notOk(open.isOpen(partition));
  world.isAhead = true;
  t.notOk(open.isOpen(partition), 'not at once');
  await until('it looks', () => world.takings.length === 1);
  world.takings.shift()!(true);
  await settled();
  t.ok(open.isOpen(partition));
});

t.test('a partition that ends while it looks does not open', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  open.ends(partition);
  world.takings.shift()!(true);
  await settled();
  t.notOk(open.isOpen(partition));
  t.equal(world.changes, 0, 'nobody had heard of it');
});
