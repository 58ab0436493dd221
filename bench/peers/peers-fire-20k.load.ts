/**
 * How late does each system hand events to a handler at 20,000/s?
 *
 * Milliseconds; see `fire-lag.ts`. Good: Escapement's p99 is a tenth of the next one's.
 *
 *   npm run bench -- peers-fire-20k
 */
import { peersFireAt } from './fire-lag.js';

export const bench = peersFireAt('peers-fire-20k', 20_000);
