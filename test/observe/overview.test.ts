import t from 'tap';
import type { MonoMs, WallMs } from '../../engine/kernel/brand.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { Overview } from '../../engine/observe/overview.js';
import { hostFigures, latencyOf, levelsOf } from './host-figures.js';

const byStatus = { SCHEDULED: 5, DISPATCHED: 2, DELIVERED: 9, RETRYING: 1, DEAD: 3, CANCELLED: 4, EXPIRED: 6 };

function setup() {
  const board = new FiguresBoard();
  return { board, overview: new Overview(board) };
}

const at = (mono: number) => ({ mono: mono as MonoMs, wall: (1_000_000 + mono) as WallMs });

t.test('an engine that has reported nothing has statistics with every field', async (t) => {
  const none = { p50: null, p90: null, p95: null, p99: null, p99_9: null, max: null, count: 0 };
  const still = { '1m': 0, '5m': 0, '15m': 0 };
  t.same(setup().overview.statistics(), {
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
  const { board, overview } = setup();
  const waiting = { concurrency: 1, breaker: 2, paused: 0, recovery: 0 };
  const byDeliveryType = { HTTP: 20, NATS: 0, LOCAL: 10 };
  const levels = [levelsOf(0, { byStatus, byDeliveryType })];
  board.host(0, hostFigures({ levels, waiting, oldestOverdueMs: 12.34, fireLag: latencyOf(1, 1), delivery: latencyOf(30) }));
  board.host(1, hostFigures({ levels: [levelsOf(1, { byStatus, byDeliveryType })], waiting, fireLag: latencyOf(5, 7) }));
  const statistics = overview.statistics();
  t.equal(statistics.total, 60);
  t.equal(statistics.by_status.DEAD, 6);
  t.same(statistics.by_delivery_type, { HTTP: 40, NATS: 0, LOCAL: 20 });
  t.same(statistics.waiting, { concurrency: 2, breaker: 4, paused: 0, recovery: 0 });
  t.equal(statistics.oldest_overdue_ms, 12);
  t.match(statistics.fire_lag_ms, { p50: 1, max: 7, count: 4 });
  t.match(statistics.delivery_ms, { count: 1, max: 30 });
  t.equal(board.pending, 16, 'scheduled, dispatched and retrying');
});

t.test('statistics are made once for many readers, and anew when there is something new', async (t) => {
  const { board, overview } = setup();
  board.host(0, hostFigures({ accepted: 5 }));
  t.equal(overview.statistics(), overview.statistics());
  board.host(0, hostFigures({ levels: [levelsOf(0, { byStatus })] }));
  t.equal(overview.statistics().total, 30);
});

t.test('rates and history come from samples of what has grown', async (t) => {
  const { board, overview } = setup();
  board.host(0, hostFigures({ accepted: 100, failed: 4, fireLag: latencyOf(50) }));
  overview.sample(at(1_000));
  board.host(0, hostFigures({ accepted: 130, failed: 4, fireLag: latencyOf(50, 3), levels: [levelsOf(0, { byStatus })] }));
  overview.sample(at(3_000));
  t.equal(overview.statistics().rates.accepted['1m'], 15);
  t.equal(overview.statistics().rates.failed['15m'], 0);
  const { series } = overview.history(null, at(3_000).wall);
  t.match(series, [{ at: at(1_000).wall, accepted: 30, failed: 0, pending: 8 }]);
  t.equal(Math.round(series[0]!.fire_lag_p50_ms!), 3);
  t.equal(Math.round(series[0]!.fire_lag_p99_ms!), 3);
});
