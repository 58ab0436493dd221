/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 one of its threads reads a pipe into which nobody writes, as from a disk that
 * does not answer: a native call that nothing can interrupt. A moment later another one throws. `HANG` and `THROW` name them by their place,
 * oldest first. `PIPE` is where the pipe is; opened for writing too, it has no end.
 */
import { openSync, readSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { onSignal } from './thread-roster.js';

const laterMs = 100;

onSignal({
  orders: () => ({ hang: Number(process.env['HANG']), throw: Number(process.env['THROW']) }),
  obey: {
    hang: () => {
      readSync(openSync(process.env['PIPE']!, 'r+'), Buffer.alloc(1));
    },
    throw: () => {
      setTimeout(() => {
        throw new Error(`thread ${threadId} was told to throw`);
      }, laterMs);
    },
  },
});
