/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 one thread allocates objects without end. `EATER` names it by its place,
 * the oldest worker first; `main` is the main thread.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

const answerWithinMs = 100;
const channel = new BroadcastChannel('memory-eater');
channel.unref();
const eaten: unknown[] = [];

if (isMainThread) {
  const living: number[] = [];
  channel.onmessage = (message) => living.push((message as { readonly data: number }).data);
  process.on('SIGUSR2', () => {
    if (process.env['EATER'] === 'main') eat();
    channel.postMessage('who lives?');
    setTimeout(() => {
      living.sort((one, other) => one - other);
      channel.postMessage({ eat: living[Number(process.env['EATER'])] });
    }, answerWithinMs);
  });
} else {
  channel.onmessage = (message) => {
    const { data } = message as { readonly data: 'who lives?' | { readonly eat: number } };
    if (data === 'who lives?') channel.postMessage(threadId);
    else if (typeof data === 'object' && data.eat === threadId) eat();
  };
}

function eat(): never {
  for (let n = 0; ; n++) eaten.push(Array.from({ length: 1_000 }, (_, place) => ({ n, place })));
}
