/**
 * A producer that does not wait for answers: every event has its intended moment, whatever the system does.
 *
 * It hands over, every few milliseconds, what is `aheadMs` away by then. One that falls behind does not move the moments, so what it holds
 * up is in the figures, and how far behind it ended is told.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** How often a batching producer hands over what it owes. */
const batchEveryMs = 10;

export interface OpenLoop {
  readonly perSecond: number;
  /** Or until `end`. */
  readonly count: number;
  /** Between handing an event over and its moment. */
  readonly aheadMs: number;
  readonly end?: AbortSignal;
  /** How often it looks for what is to be handed over. */
  readonly everyMs?: number;
}

/** Some events that follow each other: the number of the first, and the moment of each. */
export interface Span {
  readonly first: number;
  readonly atMs: readonly number[];
}

export interface Handed {
  readonly count: number;
  /** By how much the last was too late. */
  readonly behindMs: number;
}

/** Resolves when all is handed over and answered. Rejects with the first failure. */
export async function openLoop(loop: OpenLoop, hand: (span: Span) => Promise<unknown>): Promise<Handed> {
  const { perSecond, count, aheadMs, end, everyMs = batchEveryMs } = loop;
  const startMs = Date.now() + aheadMs;
  const intendedMs = (event: number): number => startMs + Math.floor((event * 1_000) / perSecond);
  const open = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  let next = 0;
  let behindMs = 0;
  while (next < count && failures.length === 0 && end?.aborted !== true) {
    const untilMs = Date.now() + aheadMs;
    const first = next;
    const atMs: number[] = [];
    for (; next < count && intendedMs(next) <= untilMs; next++) atMs.push(intendedMs(next));
    if (atMs.length > 0) {
      behindMs = Math.max(0, untilMs - atMs[0]! - everyMs);
      const handed = hand({ first, atMs })
        .catch((error: unknown) => failures.push(error))
        .finally(() => open.delete(handed));
      open.add(handed);
    }
    await pause(everyMs);
  }
  await Promise.all(open);
  if (failures.length > 0) throw failures[0];
  return { count: next, behindMs };
}
