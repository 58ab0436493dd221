/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 one of its threads goes into an endless statement of SQLite, which
 * nothing can interrupt, and a moment later another one throws. `HANG` and `THROW` name them by their place, oldest first.
 */
import { threadId } from 'node:worker_threads';
import { openDatabase } from '../../engine/log/sqlite.js';
import { onSignal } from './thread-roster.js';

const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';
const laterMs = 100;

onSignal({
  orders: () => ({ hang: Number(process.env['HANG']), throw: Number(process.env['THROW']) }),
  obey: {
    hang: () => {
      openDatabase(':memory:', { mode: 'write' }).prepare(endless).get();
    },
    throw: () => {
      setTimeout(() => {
        throw new Error(`thread ${threadId} was told to throw`);
      }, laterMs);
    },
  },
});
