/** What is shown of an origin: what is set for it, and how it is doing. */
import type { SettingsRow } from '../event/origin-settings.js';
import type { WallMs } from '../kernel/brand.js';

export const shownBreakerStates = ['closed', 'open', 'half_open'] as const;
export type ShownBreakerState = (typeof shownBreakerStates)[number];

export interface Destination {
  readonly origin: string;
  /** Attempts that run. */
  readonly inFlight: number;
  /** Events that are due and have no slot. */
  readonly waiting: number;
  readonly breaker: ShownBreakerState;
  /** Null unless open. */
  readonly opensUntilMs: WallMs | null;
  readonly paused: boolean;
  /** As it is in force. */
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  /** Attempts that ended in the last minute. */
  readonly success1m: number;
  readonly failure1m: number;
}

/** From the main thread to a courier. */
export type DestinationQuestion =
  /** `row`: what its home has just decided. Answered when all of it is in force. */
  | { readonly about: 'one'; readonly origin: string; readonly row: SettingsRow | null; readonly closeBreaker: boolean }
  /** The first `limit` whose names come behind `after`, sorted by name. */
  | { readonly about: 'page'; readonly after: string; readonly limit: number };

/** `one` is answered with one. Null: nobody knows what is set, and nobody has come to know it within a few seconds. */
export type DestinationAnswer = readonly Destination[] | null;
