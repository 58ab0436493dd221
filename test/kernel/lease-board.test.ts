import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { LeaseBoard, machineNow } from '../../engine/kernel/lease-board.js';
import { until } from '../support/deadline.js';

t.test('a lease is ahead from its grant until its end, and until it is taken back', async (t) => {
  const board = LeaseBoard.create(0);
  t.equal(board.isAhead, false);
  board.grantUntil(machineNow() + 60_000);
  t.equal(board.isAhead, true);
  board.grantUntil(machineNow() - 1);
  t.equal(board.isAhead, false);
  board.grantUntil(machineNow() + 30);
  await until('it is over', () => !board.isAhead);
  board.grantUntil(machineNow() + 60_000);
  board.grantUntil(0);
  t.equal(board.isAhead, false);
});

t.test('it is over when the wall clock has gone on without the monotonic one, as behind a suspension', (t) => {
  const board = LeaseBoard.create(0);
  board.grantUntil(machineNow() + 5_000);
  const now = Date.now;
  t.teardown(() => (Date.now = now));
  Date.now = () => now() + 4_000;
  t.equal(board.isAhead, true, 'less than what is left');
  Date.now = () => now() + 6_000;
  t.equal(board.isAhead, false);
  t.end();
});

t.test('a term that has ended is never ahead again', async (t) => {
  const board = LeaseBoard.create(2);
  board.grantUntil(machineNow() + 60_000);
  const { term } = board;
  t.equal(board.isAheadIn(term), true);
  board.endTerm();
  t.equal(board.isAhead, false);
  board.grantUntil(machineNow() + 60_000);
  t.equal(board.isAheadIn(term), false);
  t.equal(board.isAheadIn(board.term), true);
  board.beat(0);
  t.equal(board.isAheadIn(board.term), true, 'a beat is no term');
});

t.test('another thread sees the same lease, and its beats are seen', async (t) => {
  const board = LeaseBoard.create(3);
  t.equal(board.hosts, 3);
  board.grantUntil(machineNow() + 60_000);
  const url = new URL('../../engine/kernel/lease-board.js', import.meta.url).href;
  const code = `import(${JSON.stringify(url)}).then(({ LeaseBoard }) => {
    const { parentPort, workerData } = require('node:worker_threads');
    const board = new LeaseBoard(workerData);
    board.beat(1);
    parentPort.postMessage(board.isAhead);
  });`;
  const worker = new Worker(code, { eval: true, workerData: board.shared });
  t.teardown(() => worker.terminate());
  const [isAhead] = await once(worker, 'message');
  t.equal(isAhead, true);
  t.same([board.beats(0), board.beats(1), board.beats(2)], [0, 1, 0]);
});
