import t from 'tap';
import type { MonoMs, PartitionId } from '../../engine/kernel/brand.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { hostFigures, latencyOf } from './host-figures.js';

const byStatus = { SCHEDULED: 5, DISPATCHED: 2, DELIVERED: 9, RETRYING: 1, DEAD: 3, CANCELLED: 4, EXPIRED: 6 };

t.test('an engine that has reported nothing has statistics with every field', async (t) => {
  const none = { p50: null, p90: null, p95: null, p99: null, p99_9: null, max: null, count: 0 };
  const still = { '1m': 0, '5m': 0, '15m': 0 };
  t.same(new FiguresBoard().statistics(), {
    total: 0,
    by_status: { SCHEDULED: 0, DISPATCHED: 0, DELIVERED: 0, RETRYING: 0, DEAD: 0, CANCELLED: 0, EXPIRED: 0 },
    by_delivery_type: { HTTP: 0, NATS: 0, LOCAL: 0 },
    waiting: { concurrency: 0, breaker: 0, paused: 0, recovery: 0 },
    rates: { accepted: still, fired: still, delivered: still, failed: still },
    fire_lag_ms: none,
    delivery_ms: none,
    oldest_overdue_ms: null,
  });
});

t.test('statistics are the sum over all hosts', async (t) => {
  const board = new FiguresBoard();
  const waiting = { concurrency: 1, breaker: 2, paused: 0, recovery: 0 };
  const byDeliveryType = { HTTP: 20, NATS: 0, LOCAL: 10 };
  board.host(
    0,
    hostFigures({ byStatus, byDeliveryType, waiting, oldestOverdueMs: 12, fireLag: latencyOf(1, 1), delivery: latencyOf(30) }),
  );
  board.host(1, hostFigures({ byStatus, byDeliveryType, waiting, fireLag: latencyOf(5, 7) }));
  const statistics = board.statistics();
  t.equal(statistics.total, 60);
  t.equal(statistics.by_status.DEAD, 6);
  t.same(statistics.by_delivery_type, { HTTP: 40, NATS: 0, LOCAL: 20 });
  t.same(statistics.waiting, { concurrency: 2, breaker: 4, paused: 0, recovery: 0 });
  t.equal(statistics.oldest_overdue_ms, 12);
  t.match(statistics.fire_lag_ms, { p50: 1, max: 7, count: 4 });
  t.match(statistics.delivery_ms, { count: 1, max: 30 });
  t.equal(board.pending, 16, 'scheduled, dispatched and retrying');
});

t.test('a newer report takes the place of the older one', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 5, parked: 3 }));
  t.equal(board.statistics(), board.statistics(), 'computed once for many readers');
  board.host(0, hostFigures({ accepted: 8, byStatus }));
  t.equal(board.counter('accepted'), 8);
  t.equal(board.level('parked'), 0);
  t.equal(board.statistics().total, 30);
});

t.test('totals do not go back when a host starts anew', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 100, fireLag: latencyOf(1, 2), byStatus }));
  board.host(1, hostFigures({ accepted: 7 }));
  board.hostGone(0);
  board.hostGone(0);
  t.equal(board.counter('accepted'), 107);
  t.equal(board.latency('fireLag').count, 2);
  t.equal(board.pending, 8, 'its events are still there');

  board.host(0, hostFigures({ accepted: 1, fireLag: latencyOf(9) }));
  t.equal(board.counter('accepted'), 108);
  t.equal(board.latency('fireLag').count, 3);
  t.equal(board.latency('fireLag').maxMs, 9);
  t.equal(board.pending, 0);

  board.hostGone(0);
  board.host(0, hostFigures({ accepted: 500 }));
  t.equal(board.counter('accepted'), 608, 'a successor that has counted more than its predecessor');
});

t.test('a successor that nobody announced is noticed by its counters', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 100, fired: 50 }));
  board.host(0, hostFigures({ accepted: 100, fired: 2 }));
  t.equal(board.counter('fired'), 52);
  t.equal(board.counter('accepted'), 200);
});

t.test('rates come from samples of the totals', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 100, failed: 4 }));
  board.sampleRates(1_000 as MonoMs);
  board.host(0, hostFigures({ accepted: 130, failed: 4 }));
  board.sampleRates(3_000 as MonoMs);
  t.equal(board.statistics().rates.accepted['1m'], 15);
  t.equal(board.statistics().rates.failed['15m'], 0);
});

t.test('the delay of every thread is known by its name, over all threads that had it', async (t) => {
  const board = new FiguresBoard();
  const courier = { running: 1, taken: 2, origins: 3, breakersOpen: 0, breakersHalfOpen: 0, breakerOpenings: 0 };
  board.host(0, hostFigures({ eventLoopDelay: latencyOf(1) }));
  board.courier(0, { ...courier, loopDelaysMs: [2, 3] });
  board.courierGone(0);
  t.equal(board.couriers.size, 0);
  board.courier(0, { ...courier, loopDelaysMs: [4] });
  board.loopDelay('gateway', latencyOf(3));
  t.same([...board.loopDelays()].map(([thread, figures]) => [thread, figures.count]).sort(), [
    ['courier-0', 3],
    ['gateway', 1],
    ['host-0', 1],
  ]);
});

t.test('partitions and free space are shown as they were last told', async (t) => {
  const board = new FiguresBoard();
  t.equal(board.diskFreeBytes, null);
  board.freeBytes(0, 500);
  board.freeBytes(1, 400);
  board.freeBytes(0, 300);
  t.equal(board.diskFreeBytes, 300);
  board.phase(3 as PartitionId, 'recovering');
  board.phase(3 as PartitionId, 'ready');
  t.same([...board.phases], [[3, 'ready']]);
});
