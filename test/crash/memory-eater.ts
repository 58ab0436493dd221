/**
 * Preloaded (`--import`) into a server under test: at SIGUSR2 one thread allocates arrays without end, large ones: of small objects the collector of
 * a heap that is nearly full takes seconds of a core to find that nothing can be freed. `EATER` names it by its place,
 * the oldest worker first; `main` is the main thread.
 */
import { isMainThread } from 'node:worker_threads';
import { onSignal } from './thread-roster.js';

const eater = process.env['EATER']!;
const eaten: unknown[] = [];

if (eater !== 'main') onSignal({ orders: () => ({ eat: Number(eater) }), obey: { eat } });
else if (isMainThread) process.on('SIGUSR2', eat);

function eat(): never {
  for (let n = 0; ; n++) eaten.push(new Array(1_000_000).fill(n));
}
