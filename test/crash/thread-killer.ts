/**
 * Preloaded (`--import`) into a server under test: each SIGUSR2 makes one of its threads throw.
 *
 * The first signal hits the oldest thread, the second the second oldest, and so on: with a courier and two groups of host, log writer
 * and reader, seven signals hit each kind at least once.
 */
import { threadId } from 'node:worker_threads';
import { onSignal } from './thread-roster.js';

const threads = Number(process.env['THREADS']);

onSignal({
  orders: (signal) => ({ die: signal % threads }),
  obey: {
    die: () => {
      throw new Error(`thread ${threadId} was told to throw`);
    },
  },
});
