/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 every actor host of it stands still for `PAUSE_MS`, while all other threads go on, as with a computation that
 * does not end.
 */
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/** Of `engine/actor/host-thread.ts`, which is not to be loaded into every thread. */
const actorHost = 'actorHost';

const channel = new BroadcastChannel('thread-pauser');

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage(Number(process.env['PAUSE_MS'])));
} else if (process.argv[2] === actorHost) {
  channel.onmessage = (message) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (message as { readonly data: number }).data);
  };
}
// Only behind the handler: that takes hold of the process again.
channel.unref();
