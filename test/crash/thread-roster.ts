/**
 * For programs that are preloaded (`--import`) into a server under test and do something to one of its threads at SIGUSR2.
 *
 * The main thread asks on a broadcast channel who lives, until as many answer as there should be (`THREADS`) and twice the same ones: a
 * thread may be starting, replaying, or ending because another one of its group has died. Then it names one by its place, oldest first.
 * Threads for tasks in the background do not answer: they come and go, and nobody would notice that an idle one has died.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import { inBackground } from '../../engine/kernel/background-thread.js';

type Word =
  | { readonly about: 'who lives?'; readonly round: number }
  | { readonly about: 'alive'; readonly round: number; readonly thread: number }
  | { readonly about: 'order'; readonly thread: number; readonly order: string };

/** All have to have answered by then, twice in a row; on a busy machine that may take a few rounds. */
const askEveryMs = 150;

/** What the threads are told at each signal, counted from 0: an order for the one at each place. */
export interface Plan {
  readonly orders: (signal: number) => Readonly<Record<string, number>>;
  readonly obey: Readonly<Record<string, () => void>>;
}

export function onSignal({ orders, obey }: Plan): void {
  const channel = new BroadcastChannel('thread-roster');
  const hear = (take: (word: Word) => void): void => {
    channel.onmessage = (message) => take((message as { readonly data: Word }).data);
    // Only behind the handler: that takes hold of the process again.
    channel.unref();
  };
  const say = (word: Word): void => channel.postMessage(word);
  if (!isMainThread) {
    if (process.argv[2] === inBackground.name) return;
    hear((word) => {
      if (word.about === 'who lives?') say({ about: 'alive', round: word.round, thread: threadId });
      if (word.about === 'order' && word.thread === threadId) obey[word.order]!();
    });
    return;
  }
  const expected = Number(process.env['THREADS']);
  let round = 0;
  let living: number[] = [];
  let before = '';
  let signals = 0;
  hear((word) => {
    if (word.about === 'alive' && word.round === round) living.push(word.thread);
  });
  process.on('SIGUSR2', () => {
    const signal = signals++;
    const asking = setInterval(() => {
      living.sort((one, other) => one - other);
      const roster = living.join(' ');
      if (living.length === expected && roster === before) {
        clearInterval(asking);
        for (const [order, place] of Object.entries(orders(signal))) say({ about: 'order', thread: living[place]!, order });
      }
      before = roster;
      living = [];
      say({ about: 'who lives?', round: ++round });
    }, askEveryMs);
  });
}
