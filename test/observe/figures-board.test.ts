import t from 'tap';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { hostFigures, latencyOf, levelsOf } from './host-figures.js';

const byStatus = { SCHEDULED: 5, DISPATCHED: 2, DELIVERED: 9, RETRYING: 1, DEAD: 3, CANCELLED: 4, EXPIRED: 6 };

t.test('a newer report takes the place of the older one', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 5, parked: 3 }));
  board.host(0, hostFigures({ accepted: 8, levels: [levelsOf(0, { byStatus })] }));
  t.equal(board.counter('accepted'), 8);
  t.equal(board.level('parked'), 0);
  t.equal(board.pending, 8, 'scheduled, dispatched and retrying');
});

t.test('totals do not go back when a host starts anew', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ accepted: 100, fireLag: latencyOf(1, 2), levels: [levelsOf(0, { byStatus })] }));
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
  t.equal(board.pending, 8, 'nor while they are replayed');
  board.host(0, hostFigures({ accepted: 1, levels: [levelsOf(0, {})] }));
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

t.test('a partition that is elsewhere is counted there', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures({ levels: [levelsOf(0, { byStatus }), levelsOf(1, { byStatus })] }));
  const { revision } = board;
  board.phase(1 as PartitionId, 'recovering');
  t.equal(board.pending, 16);
  board.phase(1 as PartitionId, 'elsewhere');
  t.equal(board.pending, 8);
  t.not(board.revision, revision);
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

t.test('the oldest of what is overdue is the oldest of all hosts, and nothing where none has any', async (t) => {
  const board = new FiguresBoard();
  board.host(0, hostFigures());
  t.equal(board.oldestOverdueMs, null);
  board.host(1, hostFigures({ oldestOverdueMs: 70 }));
  board.host(2, hostFigures({ oldestOverdueMs: 2_000 }));
  board.host(3, hostFigures({ oldestOverdueMs: 500 }));
  t.equal(board.oldestOverdueMs, 2_000);
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
