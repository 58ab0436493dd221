/** How a courier shows its origins: one, or a page of them by name. */
import type { WallMs } from '../kernel/brand.js';
import type { Destination, ShownBreakerState } from './destination.js';
import type { BreakerState } from './breaker.js';
import type { Origin } from './origin.js';
import type { Timing } from './timing.js';

/** Names looked at between two turns: about 0.3 ms. */
const namesPerTurn = 2_000;

/** Null while it is not known what is set for it. */
export function destinationOf(origin: Origin, timing: Timing): Destination | null {
  const { settings, breaker } = origin;
  if (settings === null) return null;
  const state = origin.isReachable ? (breaker?.state ?? 'closed') : 'open';
  const { success, failure } = origin.endedLately(timing.monoMs());
  return {
    origin: origin.name,
    inFlight: origin.running,
    waiting: origin.wants,
    breaker: shownState[state],
    // Nobody knows when there will be a way to it again.
    opensUntilMs: state === 'open' && origin.isReachable ? (Math.ceil(timing.wallMs() + breaker!.opensForMs) as WallMs) : null,
    paused: settings.paused,
    concurrency: origin.concurrency,
    ratePerSecond: settings.ratePerSecond,
    success1m: success,
    failure1m: failure,
  };
}

const shownState: Readonly<Record<BreakerState, ShownBreakerState>> = {
  closed: 'closed',
  open: 'open',
  // Its time is over: the next event that comes is the probe.
  probe: 'half_open',
  'half-open': 'half_open',
};

/**
 * The first `limit` names behind `after`, in order. There may be a million names, so they are gone through in pieces; of those
 * seen, only the first ones are kept.
 */
export function firstNames(
  names: Iterator<string>,
  { after, limit }: { readonly after: string; readonly limit: number },
  soon: (task: () => void) => void,
): Promise<readonly string[]> {
  return new Promise((resolve) => {
    let first = new Set<string>();
    /** The last one that can still be among them; null: any. */
    let last: string | null = null;
    const look = (): void => {
      for (let left = namesPerTurn; left > 0; left--) {
        const { done, value } = names.next();
        if (done === true) {
          resolve(firstOf(first, limit));
          return;
        }
        if (value > after && (last === null || value < last)) first.add(value);
        if (first.size < 2 * limit) continue;
        first = new Set(firstOf(first, limit));
        last = [...first].at(-1)!;
      }
      soon(look);
    };
    look();
  });
}

function firstOf(names: ReadonlySet<string>, limit: number): string[] {
  return [...names].sort(byName).slice(0, limit);
}

function byName(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
