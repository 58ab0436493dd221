/**
 * How far a thread stands back behind others when there are more of them than cores.
 *
 *     0   main thread, hosts, couriers: an event on time passes through these three
 *     5   log writers and readers: nobody's tick waits for them, and a group commit that comes later is a larger one
 *    10   tasks of the background, which compute for seconds
 *
 * On two cores a bulk retry has four threads computing. While all were equal a host that had a tick waited up to 16 ms for a core, which
 * the system gives away for some milliseconds at a time: events on time left 22 ms late at p99, and 10-12 ms with this. What a second
 * accepts or changes did not become less.
 */
import { getPriority, setPriority } from 'node:os';

export const logNiceness = 5;
/** Not the lowest: beside four busy threads on two cores that left half a percent of one, and an index of a small segment took 15 s. */
export const backgroundNiceness = 10;

/** Of this thread alone on Linux; elsewhere it would be of the process, which must not stand back. For good: it may not come forward again. */
export function standBack(niceness: number): void {
  // A process that was started further behind stays there.
  if (process.platform === 'linux' && getPriority(0) < niceness) setPriority(0, niceness);
}
