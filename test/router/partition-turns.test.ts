import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { partitionOf } from '../../engine/kernel/event-id.js';
import { slots } from '../../engine/kernel/limits.js';
import { PartitionTurns } from '../../engine/router/partition-turns.js';

/** Partitions of `events[at]` events in the millisecond `at`, one row for each millisecond. */
function rows(partitions: number, events: readonly number[]): number[][] {
  const turns = new PartitionTurns(partitions);
  return events.map((count, at) => Array.from({ length: count }, () => partitionOf(turns.slotAt(at as WallMs), partitions)));
}

t.test('what comes within a millisecond goes to one partition, the next one follows', async (t) => {
  const found = rows(4, [1, 3, 7, 1, 2]);
  t.ok(found.every((row) => new Set(row).size === 1));
  const first = found[0]![0]!;
  t.same(
    found.map(([partition]) => partition),
    [0, 1, 2, 3, 4].map((step) => (first + step) % 4),
  );
});

t.test('a crowd stays together over milliseconds, and not for ever', async (t) => {
  const found = rows(4, [20, 20, 20, 3, 20]).map(([partition]) => partition!);
  const next = (found[0]! + 1) % 4;
  t.same(found, [found[0], found[0], found[0], found[0], next], 'it ends behind the first millisecond without one');
  const flood = rows(3, [10_000])[0]!;
  for (const partition of [0, 1, 2]) {
    const share = flood.filter((each) => each === partition).length;
    t.ok(Math.abs(share - 3_333) <= 1_024, `partition ${partition} has ${share} of 10,000`);
  }
});

t.test('every slot of a partition is used, also where they do not divide evenly', async (t) => {
  for (const partitions of [1, 3, 1_000]) {
    const turns = new PartitionTurns(partitions);
    const used = new Set<number>();
    for (let at = 0; at < 100_000; at++) used.add(turns.slotAt(at as WallMs));
    t.equal(used.size, slots, `${partitions} partitions`);
  }
});
