/** How the simulated destinations of a seeded history answer; their moods change as time goes by. */
import { type DeliveryResult, delivered, failedWithout } from '../../engine/dispatch/deliverer.js';
import type { Respond } from '../support/simulated-destinations.js';
import type { Random } from '../wheel/random.js';

const moods = ['well', 'well', 'flaky', 'down', 'slow', 'refusing', 'overloaded', 'gone', 'silent'] as const;
type Mood = (typeof moods)[number];

export class Moods {
  readonly #random: Random;
  readonly #of = new Map<string, Mood>();

  constructor(random: Random) {
    this.#random = random;
  }

  change(origin: string): void {
    this.#of.set(origin, this.#random.pick(moods));
  }

  /** Everybody answers from now on. */
  allWell(): void {
    this.#of.clear();
  }

  readonly respond: Respond = ({ attempt }) => {
    const random = this.#random;
    const mood = this.#of.get(attempt.origin) ?? 'well';
    const usualMs = random.next() ** 2 * 30;
    switch (mood) {
      case 'well':
        return { afterMs: usualMs, result: delivered };
      case 'slow':
        return { afterMs: random.next() * 20_000, result: delivered };
      case 'flaky':
        return { afterMs: usualMs, result: random.next() < 0.5 ? delivered : status(503) };
      case 'down':
        return { afterMs: usualMs, result: failedWithout({ error: 'ECONNREFUSED', unhealthy: true }) };
      case 'refusing':
        return { afterMs: usualMs, result: status(404) };
      case 'overloaded':
        return { afterMs: usualMs, result: { ...status(429), retryAfterMs: random.below(30_000) } };
      case 'gone':
        return { afterMs: usualMs, result: { ...status(410), kind: 'gone' } };
      case 'silent':
        return 'hold';
    }
  };
}

function status(statusCode: number): DeliveryResult {
  return {
    kind: 'failed',
    unhealthy: statusCode >= 500,
    statusCode,
    error: `HTTP ${statusCode}`,
    responseBody: Buffer.from('no'),
    retryAfterMs: null,
  };
}
