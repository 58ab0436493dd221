import t from 'tap';
import type { MonoMs, PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { countingProcessesMax } from '../../engine/kernel/limits.js';
import { ClusterTotals, type HeardTotals, type NodeTotals } from '../../engine/observe/cluster-totals.js';
import { Overview } from '../../engine/observe/overview.js';
import { nothingCounted } from '../../engine/observe/totals.js';
import { latencyOf, levelsOf } from './host-figures.js';

const noQueues = {
  waiting: { concurrency: 0, breaker: 0, paused: 0, recovery: 0 },
  overdue: 0,
  longestBacklog: 0,
  oldestOverdueMs: null,
};

/** Pending events of partitions, by their owner's epoch. */
function owned(...list: readonly { partition: number; epoch: number; pending: number }[]) {
  return list.map(({ partition, epoch, pending }) => {
    const [, levels] = levelsOf(partition, { byStatus: { SCHEDULED: pending }, byDeliveryType: { HTTP: pending } });
    return { partition: partition as PartitionId, epoch, ...levels };
  });
}

function word(more: Partial<HeardTotals> & { readonly accepted?: number } = {}): HeardTotals {
  const { accepted = 0, ...rest } = more;
  return {
    counted: { ...nothingCounted, accepted },
    queues: noQueues,
    partitions: [],
    upMs: 0,
    isLast: false,
    ...rest,
  };
}

function setup({ own = null }: { own?: (() => NodeTotals) | null } = {}) {
  const clock = { now: 100_000 };
  const totals = new ClusterTotals({
    own: own === null ? null : { revision: () => 0, totals: own },
    nowMs: () => clock.now,
    silenceMsMax: 5_000,
  });
  return { clock, totals, overview: new Overview(totals) };
}

t.test('totals are those of all nodes, this one among them', async (t) => {
  const waiting = { ...noQueues.waiting, paused: 2 };
  const { totals, overview } = setup({
    own: () => word({ accepted: 5, partitions: owned({ partition: 0, epoch: 1, pending: 3 }), queues: { ...noQueues, waiting } }),
  });
  totals.hear('a', word({ accepted: 7, partitions: owned({ partition: 1, epoch: 4, pending: 10 }) }));
  totals.hear('b', word({ queues: { ...noQueues, waiting, overdue: 9, oldestOverdueMs: 40 } }));
  t.equal(totals.totals().counted.accepted, 12);
  t.match(overview.statistics(), {
    total: 13,
    by_status: { SCHEDULED: 13 },
    by_delivery_type: { HTTP: 13 },
    waiting: { paused: 4 },
    oldest_overdue_ms: 40,
  });
  t.match(overview.backlog(), { overdue: 9 });
  t.equal(totals.heard, 2);
});

t.test('a newer word takes the place of the older one', async (t) => {
  const { totals } = setup();
  totals.hear('a', word({ accepted: 7 }));
  const { revision } = totals;
  totals.hear('a', word({ accepted: 9 }));
  t.equal(totals.totals().counted.accepted, 9);
  t.not(totals.revision, revision);
});

t.test('what a node had counted counts on when it is gone, what waited there does not', async (t) => {
  const { clock, totals } = setup();
  const queues = { ...noQueues, overdue: 4, longestBacklog: 3 };
  totals.hear('in order', word({ accepted: 10, queues, isLast: true }));
  totals.hear('killed', word({ accepted: 20, queues }));
  t.equal(totals.totals().overdue, 4);
  clock.now += 5_001;
  t.equal(totals.totals().overdue, 0);
  t.equal(totals.totals().counted.accepted, 30);
  t.equal(totals.heard, 0);

  totals.hear('killed', word({ accepted: 21, queues }));
  t.equal(totals.totals().counted.accepted, 31, 'it was only silent');
  t.equal(totals.totals().overdue, 4);
});

t.test('events of a partition are counted once at every moment while it moves', async (t) => {
  const { totals } = setup();
  const pending = () => totals.totals().byStatus.SCHEDULED;
  totals.hear('a', word({ partitions: owned({ partition: 0, epoch: 1, pending: 50 }, { partition: 1, epoch: 1, pending: 7 }) }));
  t.equal(pending(), 57);
  totals.hear('a', word({ partitions: owned({ partition: 1, epoch: 1, pending: 7 }) }));
  t.equal(pending(), 57, 'handed over, and not served yet');
  totals.hear('b', word({ partitions: owned({ partition: 0, epoch: 2, pending: 49 }) }));
  t.equal(pending(), 56);
  totals.hear('a', word({ partitions: owned({ partition: 0, epoch: 1, pending: 50 }, { partition: 1, epoch: 1, pending: 7 }) }));
  t.equal(pending(), 56, 'a word that comes late');
  totals.hear('b', word({ partitions: owned({ partition: 0, epoch: 2, pending: 48 }), isLast: true }));
  t.equal(pending(), 55, 'nobody owns it: its events are where they were');
  totals.hear('a', word({ partitions: owned({ partition: 0, epoch: 3, pending: 48 }, { partition: 1, epoch: 1, pending: 7 }) }));
  t.equal(pending(), 55);
});

t.test('what was counted before anybody heard it is part of the total and no growth', async (t) => {
  const { clock, totals, overview } = setup();
  const at = (mono: number) => ({ mono: mono as MonoMs, wall: (1_000_000 + mono) as WallMs });
  const counted = (accepted: number, ...lags: number[]) => ({ ...nothingCounted, accepted, fireLag: latencyOf(...lags) });
  overview.sample(at(0));
  totals.hear('old', word({ counted: counted(1_000_000, 900, 900, 900), upMs: 86_400_000 }));
  overview.sample(at(1_000));
  clock.now += 10_000;
  totals.hear('old', word({ counted: counted(1_000_010, 900, 900, 900, 2), upMs: 86_410_000 }));
  totals.hear('young', word({ counted: counted(5, 4), upMs: 9_000 }));
  overview.sample(at(2_000));
  t.equal(totals.totals().counted.accepted, 1_000_015);
  t.match(overview.statistics(), { rates: { accepted: { '1m': 7.5 } }, fire_lag_ms: { count: 5, max: 900 } });
  const { series } = overview.history(null, at(2_000).wall);
  t.match(series, [{ accepted: 0, fire_lag_p50_ms: null }, { accepted: 15 }]);
  t.equal(Math.round(series[1]!.fire_lag_p50_ms!), 2);
  t.equal(Math.round(series[1]!.fire_lag_p99_ms!), 4);
});

t.test('however many nodes come and go, only so many are kept apart, and no total falls', async (t) => {
  const { totals } = setup();
  const processes = countingProcessesMax + 40;
  for (let process = 0; process < processes; process++) {
    totals.hear('steady', word({ accepted: process }));
    totals.hear(`${process}`, word({ accepted: 1, isLast: true }));
    t.equal(totals.totals().counted.accepted, process + process + 1);
  }
  t.equal(totals.heard, 1);
});
