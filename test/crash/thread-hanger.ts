/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 one of its threads goes into an endless statement of SQLite, which
 * nothing can interrupt, and a moment later another one throws. `HANG` and `THROW` name them by their place, oldest first.
 */
import { isMainThread, BroadcastChannel, threadId } from 'node:worker_threads';
import { openDatabase } from '../../engine/log/sqlite.js';

const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';
const answerWithinMs = 100;
const channel = new BroadcastChannel('thread-hanger');
channel.unref();

if (isMainThread) {
  const living: number[] = [];
  channel.onmessage = (message) => living.push((message as { readonly data: number }).data);
  process.on('SIGUSR2', () => {
    channel.postMessage('who lives?');
    setTimeout(() => {
      living.sort((one, other) => one - other);
      channel.postMessage({ hang: living[Number(process.env['HANG'])], throw: living[Number(process.env['THROW'])] });
    }, answerWithinMs);
  });
} else {
  channel.onmessage = (message) => {
    const { data } = message as { readonly data: 'who lives?' | { readonly hang: number; readonly throw: number } };
    if (data === 'who lives?') channel.postMessage(threadId);
    else if (typeof data === 'object' && data.hang === threadId)
      openDatabase(':memory:', { mode: 'write' }).prepare(endless).get();
    else if (typeof data === 'object' && data.throw === threadId) setTimeout(throwIt, answerWithinMs);
  };
}

function throwIt(): never {
  throw new Error(`thread ${threadId} was told to throw`);
}
