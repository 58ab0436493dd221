/** When an owner takes requests: behind what was kept for it, at first and after each time that it was cut off. */
import t, { type Test } from 'tap';
import type { TakenIn } from '../../../engine/cluster/peers/kept-events.js';
import { OpenPartitions } from '../../../engine/cluster/peers/open-partitions.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { keptLookMs, keptRestLookMs } from '../../../engine/kernel/limits.js';
import { pause, until } from '../../support/deadline.js';

const partition = 3 as PartitionId;

function setup(t: Test) {
  const world = { isAhead: true, changes: 0, takings: [] as ((taken: TakenIn) => void)[], now: 0 };
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
    monoMs: () => world.now,
  });
  t.teardown(() => open.close());
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { open, world, settled };
}

t.test('it opens when everything that was kept has been decided', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  t.notOk(open.isOpen(partition));
  world.takings.shift()!('not now');
  await until('it tries again', () => world.takings.length === 1);
  t.notOk(open.isOpen(partition));
  world.takings.shift()!('all');
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
  world.takings.shift()!('all');
  await settled();
  world.isAhead = false;
  t.notOk(open.isOpen(partition));
  world.isAhead = true;
  t.notOk(open.isOpen(partition), 'not at once');
  await until('it looks', () => world.takings.length === 1);
  world.takings.shift()!('all');
  await settled();
  t.ok(open.isOpen(partition));
});

t.test('it knows since when it does not know of what is kept', async (t) => {
  const { open, world, settled } = setup(t);
  t.equal(open.unawareMs(partition), Number.POSITIVE_INFINITY, 'of a partition that it does not serve, for ever');
  open.serves(partition);
  world.now = 1_000;
  world.takings.shift()!('all');
  await settled();
  t.equal(open.unawareMs(partition), 1_000, 'since the look began');
  t.ok(open.hasTakenInLately(partition));
  world.now += 60_000;
  t.notOk(open.hasTakenInLately(partition));
  await until('it looks, and finds nothing', () => open.unawareMs(partition) === 0);
  t.notOk(open.hasTakenInLately(partition));
});

t.test('what was kept before it was asked is looked for behind the look that is under way', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  world.takings.shift()!('all');
  await settled();
  const first = open.becomeAware(partition);
  const others = [open.becomeAware(partition), open.becomeAware(partition)];
  t.equal(world.takings.length, 1);
  world.takings.shift()!('all');
  t.equal(await first, 'all');
  t.equal(world.takings.length, 1, 'one more for all who came meanwhile');
  world.takings.shift()!('no room');
  t.same(await Promise.all(others), ['no room', 'no room']);
  const last = open.becomeAware(partition);
  open.ends(partition);
  world.takings.shift()!('all');
  t.equal(await last, 'not now', 'whoever owns it now is to be asked');
});

t.test('a partition that ends while it looks does not open', async (t) => {
  const { open, world, settled } = setup(t);
  open.serves(partition);
  open.ends(partition);
  world.takings.shift()!('all');
  await settled();
  t.notOk(open.isOpen(partition));
  t.equal(world.changes, 0, 'nobody had heard of it');
});

const [first, second] = [0, 1] as PartitionId[] as [PartitionId, PartitionId];

function setupMany(
  t: Test,
  takeIn: (partition: PartitionId) => Promise<TakenIn>,
  found: readonly PartitionId[] = [first, second],
) {
  const asked: PartitionId[] = [];
  const changed: PartitionId[] = [];
  let looks = 0;
  const open = new OpenPartitions({
    kept: {
      takeIn: (partition) => {
        asked.push(partition);
        return takeIn(partition);
      },
      look: () => {
        looks++;
        return Promise.resolve(found);
      },
    },
    lease: { isAhead: true },
    hostOf: () => ({}) as never,
    changed: (partition) => changed.push(partition),
    monoMs: () => performance.now(),
  });
  t.teardown(() => open.close());
  const looked = (times: number) => until(`${times} looks`, () => looks >= times, (times + 3) * keptLookMs);
  return { open, asked, changed, looked, looks: () => looks };
}

t.test('a host that is slow is asked once about what was kept, and holds up no other partition', async (t) => {
  const isSlow = new Set<PartitionId>();
  const { open, asked, looked } = setupMany(t, (partition) =>
    isSlow.has(partition) ? new Promise(() => undefined) : Promise.resolve('all'),
  );
  open.serves(first);
  open.serves(second);
  await until('both are open', () => open.isOpen(first) && open.isOpen(second));
  isSlow.add(first);
  asked.length = 0;
  await looked(3);
  await until('the other one is asked with each look', () => asked.filter((partition) => partition === second).length >= 3);
  t.equal(asked.filter((partition) => partition === first).length, 1);
});

t.test('where there is no room for new events everything else is taken', async (t) => {
  const { open, changed } = setupMany(t, () => Promise.resolve('no room'));
  open.serves(first);
  await until('it is open', () => open.isOpen(first));
  t.same(changed, [first]);
});

t.test('whoever serves nothing does not look', async (t) => {
  const { looks } = setupMany(t, () => Promise.resolve('all'));
  await pause(1.5 * keptLookMs);
  t.equal(looks(), 0);
});

t.test('it looks less often while nobody asks for new events and nothing is kept', async (t) => {
  const { open, looked, looks } = setupMany(t, () => Promise.resolve('nothing'), []);
  open.serves(first);
  await looked(1);
  await pause(keptRestLookMs);
  t.ok(looks() <= 2, `${looks()} looks at rest`);
  const before = looks();
  const asking = setInterval(() => open.unawareMs(first), 100);
  t.teardown(() => clearInterval(asking));
  await pause(4 * keptLookMs);
  t.ok(looks() >= before + 3, `${looks() - before} while it is asked`);
});

t.test('at the word that something is kept it is taken in at once, where the partition is served', async (t) => {
  const { open, asked } = setupMany(t, () => Promise.resolve('all'), []);
  open.serves(first);
  await until('it is open', () => open.isOpen(first));
  asked.length = 0;
  open.keptFor(first);
  open.keptFor(second);
  t.same(asked, [first]);
});
