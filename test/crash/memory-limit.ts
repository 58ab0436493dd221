/**
 * Preloaded (`--import`) into a server under test: it may have `MEMORY_MIB` more than it has once it runs, as a container would
 * have it; at SIGUSR2 the limit is lifted.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const MiB = 1024 * 1024;
  const startedMs = 1_500;
  let limitBytes = 0;
  setTimeout(() => {
    // Refusing begins at 80 % of it.
    limitBytes = (process.memoryUsage.rss() + Number(process.env['MEMORY_MIB']) * MiB) / 0.8;
  }, startedMs);
  process.on('SIGUSR2', () => {
    limitBytes = 0;
  });
  process.constrainedMemory = () => limitBytes;
}
