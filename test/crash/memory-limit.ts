/**
 * Preloaded (`--import`) into a server under test: at the first SIGUSR2 it may have `MEMORY_MIB` more than it has at this moment before
 * memory is short, as a container would limit it; the second lifts the limit.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const MiB = 1024 * 1024;
  let limitBytes = 0;
  process.on('SIGUSR2', () => {
    // Refusing begins at 80 % of it.
    limitBytes = limitBytes > 0 ? 0 : (process.memoryUsage.rss() + Number(process.env['MEMORY_MIB']) * MiB) / 0.8;
  });
  process.constrainedMemory = () => limitBytes;
}
