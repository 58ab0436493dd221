import t from 'tap';
import { type Candidate, Placement } from '../../../engine/cluster/ownership/placement.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';

const nodes = (...weights: number[]): Candidate[] => weights.map((weight, index) => ({ node: `engine-${index}`, weight }));
const equal = (count: number): Candidate[] => nodes(...new Array<number>(count).fill(1));

function placesOf(partitions: number, candidates: readonly Candidate[]) {
  const placement = new Placement(partitions, candidates);
  return Array.from({ length: partitions }, (_, partition) => placement.of(partition as PartitionId));
}

function loads(places: ReturnType<typeof placesOf>, of: 'owner' | 'standby'): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const place of places) counts.set(place[of], (counts.get(place[of]) ?? 0) + 1);
  return counts;
}

t.test('every partition has an owner, no node more than its share, and another node stands by', (t) => {
  for (const partitions of [1, 4, 64, 256, 1024]) {
    for (const count of [1, 2, 3, 5, 8]) {
      const places = placesOf(partitions, equal(count));
      t.ok(Math.max(...loads(places, 'owner').values()) <= Math.ceil(partitions / count), `${partitions} on ${count}`);
      t.ok(places.every(({ owner, standby }) => owner !== null && owner !== standby));
      t.ok(places.every(({ standby }) => (standby === null) === (count === 1)));
    }
  }
  t.end();
});

t.test('the order in which nodes are known does not matter', (t) => {
  const candidates = nodes(1, 2, 1, 3, 1);
  t.same(placesOf(256, candidates), placesOf(256, [...candidates].reverse()));
  t.end();
});

t.test('the standby is who owns the partition when its owner is gone', (t) => {
  const candidates = nodes(1, 1, 2, 1);
  const places = placesOf(256, candidates);
  for (const { node } of candidates) {
    const without = placesOf(
      256,
      candidates.filter((other) => other.node !== node),
    );
    places.forEach(({ owner, standby }, partition) => {
      if (owner === node && standby !== without[partition]!.owner) t.fail(`partition ${partition} of ${node}`);
    });
  }
  t.end();
});

t.test('a node that comes or goes moves little more than what must move', (t) => {
  for (const [from, to] of [
    [3, 5],
    [5, 2],
    [3, 4],
    [4, 3],
    [5, 6],
    [8, 7],
  ] as const) {
    const before = placesOf(256, equal(from));
    const after = placesOf(256, equal(to));
    const moved = before.filter(({ owner }, partition) => owner !== after[partition]!.owner).length;
    const least = (256 * Math.abs(from - to)) / Math.max(from, to);
    t.ok(moved <= 1.2 * least + 2, `${from} to ${to} nodes: ${moved} moved, ${Math.round(least)} must`);
  }
  t.end();
});

t.test('weights share out: twice the weight, twice the partitions, and none for nobody', (t) => {
  const counts = loads(placesOf(240, nodes(1, 2, 3)), 'owner');
  t.same(
    ['engine-0', 'engine-1', 'engine-2'].map((node) => counts.get(node)),
    [40, 80, 120],
  );
  t.same(placesOf(2, []), [
    { owner: null, standby: null },
    { owner: null, standby: null },
  ]);
  t.end();
});

t.test('turns for a partition: owner, standby, then every other node once', (t) => {
  const candidates = equal(6);
  const placement = new Placement(64, candidates);
  for (let partition = 0; partition < 64; partition++) {
    const id = partition as PartitionId;
    const { owner, standby } = placement.of(id);
    t.equal(placement.turnOf(id, owner!), 0);
    t.equal(placement.turnOf(id, standby!), 1);
    t.same(
      candidates.map(({ node }) => placement.turnOf(id, node)).sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5],
    );
  }
  t.end();
});
