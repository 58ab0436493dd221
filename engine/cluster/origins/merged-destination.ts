/**
 * One origin as all nodes together have it.
 *
 * What runs, waits and has ended is summed up. Each node has a circuit breaker of its own, and the most open one is shown: `open` as long as any is, so
 * `opensUntilMs` is the latest. What is set is the same everywhere but for the moment in which it changes; the first one's word is taken.
 */
import { type Destination, type ShownBreakerState, shownBreakerStates } from '../../dispatch/destination.js';

/** All of the same origin, at least one. */
export function mergedDestination(told: readonly [Destination, ...Destination[]]): Destination {
  const [first] = told;
  const sum = (of: (each: Destination) => number): number => told.reduce((total, each) => total + of(each), 0);
  const breaker = mostOpen(told);
  return {
    ...first,
    inFlight: sum((each) => each.inFlight),
    waiting: sum((each) => each.waiting),
    success1m: sum((each) => each.success1m),
    failure1m: sum((each) => each.failure1m),
    breaker,
    opensUntilMs: breaker === 'open' ? latest(told.filter((each) => each.breaker === 'open')) : null,
  };
}

/** The first `limit` by name. Each list has the first ones of its node, `limit` or all, so whatever is among the first of all is in each list that could have it. */
export function mergedPage(pages: readonly (readonly Destination[])[], limit: number): readonly Destination[] {
  const byOrigin = new Map<string, [Destination, ...Destination[]]>();
  for (const destination of pages.flat()) {
    const told = byOrigin.get(destination.origin);
    if (told === undefined) byOrigin.set(destination.origin, [destination]);
    else told.push(destination);
  }
  const origins = [...byOrigin.keys()].sort((one, other) => (one < other ? -1 : 1));
  return origins.slice(0, limit).map((origin) => mergedDestination(byOrigin.get(origin)!));
}

const openness: Readonly<Record<ShownBreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

function mostOpen(told: readonly Destination[]): ShownBreakerState {
  const states = new Set(told.map((each) => each.breaker));
  return [...shownBreakerStates].sort((one, other) => openness[other] - openness[one]).find((state) => states.has(state))!;
}

/** Null: nobody knows of one of them when it will be. */
function latest(open: readonly Destination[]): Destination['opensUntilMs'] {
  const untils = open.map((each) => each.opensUntilMs);
  return untils.reduce((one, other) => (one === null || other === null ? null : one > other ? one : other));
}
