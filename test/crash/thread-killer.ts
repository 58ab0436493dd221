/**
 * Preloaded (`--import`) into a server under test: each SIGUSR2 makes one of its threads throw.
 *
 * Main thread and workers talk on a broadcast channel. Threads also end in order, when another one of their group has died;
 * so who lives is asked anew each time. The first signal hits the oldest thread, the second the second oldest, and so on:
 * with a courier and two groups of host, log writer and reader, seven signals hit each kind at least once.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

type Word =
  | { readonly about: 'who lives?' }
  | { readonly about: 'alive'; readonly thread: number }
  | { readonly about: 'die'; readonly thread: number };

/** Long enough for a thread that is busy replaying. */
const answerWithinMs = 100;
const channel = new BroadcastChannel('thread-killer');

if (isMainThread) {
  let living: number[] = [];
  let signals = 0;
  hear((word) => {
    if (word.about === 'alive') living.push(word.thread);
  });
  process.on('SIGUSR2', () => {
    living = [];
    say({ about: 'who lives?' });
    setTimeout(() => {
      living.sort((one, other) => one - other);
      const thread = living[signals++ % living.length];
      if (thread !== undefined) say({ about: 'die', thread });
    }, answerWithinMs);
  });
} else {
  hear((word) => {
    if (word.about === 'who lives?') say({ about: 'alive', thread: threadId });
    if (word.about === 'die' && word.thread === threadId) throw new Error(`thread ${threadId} was told to throw`);
  });
}

function say(word: Word): void {
  channel.postMessage(word);
}

function hear(take: (word: Word) => void): void {
  channel.onmessage = (message) => take((message as { readonly data: Word }).data);
  channel.unref();
}
