import t from 'tap';
import { type ClusterHealth, HealthBoard } from '../../engine/health-board.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { unownedMsMax } from '../../engine/kernel/limits.js';

const calm = { overdue: 0, doneAtMs: null };

/** `owners`: of each partition, and for how long nobody if it is a number. */
function setup(owners: (string | number)[], more: Partial<ClusterHealth & { hasDisk: boolean }> = {}) {
  const { hasDisk = true, ...rest } = more;
  const cluster: ClusterHealth = {
    takesEvents: true,
    outBecause: null,
    namesakeFault: null,
    get unowned() {
      return owners.filter((owner) => typeof owner === 'number').length;
    },
    isOwnedHere: (partition) => owners[partition] === 'here',
    ownerOf: (partition) => (typeof owners[partition] === 'string' ? owners[partition] : null),
    unownedForMs: (partition) => (typeof owners[partition] === 'number' ? owners[partition] : null),
    ...rest,
  };
  const board = new HealthBoard({ partitions: owners.length, hasDisk, cluster: () => cluster });
  const status = () => board.health(calm).status;
  const component = (name: string) => board.health(calm).components.find((one) => one.name === name);
  const phase = (partition: number, to: 'recovering' | 'ready' | 'failed' | 'elsewhere', detail: string | null = null) =>
    board.phase({ partition: partition as PartitionId, phase: to, detail });
  return { owners, board, status, component, phase };
}

t.test('a gateway without partitions is well when others own them all', async (t) => {
  const { status, component } = setup(['a', 'b', 'a', 'b'], { hasDisk: false });
  t.equal(status(), 'ready');
  t.same(component('partition 1'), { name: 'partition 1', status: 'ready', detail: 'on node b' });
  t.same(component('cluster'), { name: 'cluster', status: 'ready', detail: null });
  t.equal(component('disk'), undefined);
});

t.test('a planned move changes neither the status nor readiness', async (t) => {
  const { owners, status, component, phase } = setup(['here', 'b', 'b', 'b']);
  phase(0, 'ready');
  t.equal(status(), 'ready');
  phase(0, 'elsewhere');
  owners[0] = 20;
  t.equal(status(), 'ready', 'released, nobody owns it for the moment');
  t.match(component('partition 0'), { status: 'recovering', detail: 'no node owns it at the moment' });
  t.match(component('cluster'), { status: 'ready', detail: '1 partitions have no owner at the moment' });
  owners[0] = 'b';
  t.equal(status(), 'ready');
  owners[1] = 'here';
  t.match(component('partition 1'), { status: 'recovering', detail: 'being taken over here' });
  phase(1, 'recovering');
  t.equal(status(), 'ready');
  phase(1, 'ready');
  t.match(component('partition 1'), { status: 'ready', detail: null });
});

t.test('a partition that nobody has for long makes a node degraded, most of them unready', async (t) => {
  const { owners, status } = setup(['a', 'a', 'a', 'a']);
  owners[0] = unownedMsMax + 1;
  t.equal(status(), 'degraded');
  owners[1] = 1;
  t.equal(status(), 'degraded', 'half of them are there');
  owners[2] = 1;
  t.equal(status(), 'recovering');
});

t.test('an engine is ready once it has joined, whoever owns what; out of the cluster nobody is', async (t) => {
  t.equal(setup([1, 1], { takesEvents: false }).status(), 'ready');
  const { status, component } = setup(['a', 'a'], { takesEvents: false, outBecause: 'the lease is over' });
  t.equal(status(), 'recovering');
  t.same(component('cluster'), { name: 'cluster', status: 'recovering', detail: 'the lease is over' });
});

t.test('a partition that failed here is a fault only while it is owned here', async (t) => {
  const { owners, status, component, phase } = setup(['here', 'b']);
  phase(0, 'failed', 'a record is damaged\n  at');
  t.equal(status(), 'degraded');
  t.match(component('partition 0'), { status: 'failed', detail: 'a record is damaged' });
  owners[0] = 'b';
  t.equal(status(), 'ready');
  t.match(component('partition 0'), { status: 'ready', detail: 'on node b' });
});

t.test('another process of the same id makes a member degraded', async (t) => {
  const { status, component } = setup(['a'], { namesakeFault: 'another one' });
  t.equal(status(), 'degraded');
  t.same(component('cluster'), { name: 'cluster', status: 'degraded', detail: 'another one' });
});

t.test('NATS that is away makes a member degraded while its lease lasts', async (t) => {
  const { board, status } = setup(['a']);
  board.nats('away');
  t.equal(status(), 'degraded');
  board.stopping();
  t.equal(status(), 'stopping');
});
