/**
 * Preloaded (`--import`) into a server under test: each SIGUSR2 makes the thread that has lived longest throw.
 *
 * Threads announce themselves on a broadcast channel, as the main thread has no other way to know them all.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

interface Word {
  readonly about: 'born' | 'die';
  readonly thread: number;
}

const channel = new BroadcastChannel('thread-killer');

if (isMainThread) {
  const living: number[] = [];
  hear(({ about, thread }) => {
    if (about === 'born') living.push(thread);
  });
  process.on('SIGUSR2', () => {
    const thread = living.shift();
    if (thread !== undefined) channel.postMessage({ about: 'die', thread } satisfies Word);
  });
} else {
  hear(({ about, thread }) => {
    if (about === 'die' && thread === threadId) throw new Error(`thread ${threadId} was told to throw`);
  });
  channel.postMessage({ about: 'born', thread: threadId } satisfies Word);
}

function hear(take: (word: Word) => void): void {
  channel.onmessage = (message) => take((message as { readonly data: Word }).data);
  channel.unref();
}
