/**
 * What an operator has set for an origin, and where it is kept: in the log of the origin's home partition, which decides, and
 * a copy in that of the next one, so that one damaged log leaves no origin without its settings.
 *
 * `version` is the sequence of the record in which it was decided, in the home's log; it travels on with copies, so that of
 * two of them the newer one is known.
 */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { noSequence } from '../kernel/brand.js';
import { fnv1a32 } from '../kernel/fnv1a.js';
import { slots } from '../kernel/limits.js';

export interface OriginSettings {
  /** Nothing is started there. */
  readonly paused: boolean;
  /** Attempts in flight; null: what the configuration says. */
  readonly concurrency: number | null;
  /** Attempts started per second; null: as many as there are slots. */
  readonly ratePerSecond: number | null;
  /** `whsec_...`, several separated by commas: signs instead of the global secret. Never shown. */
  readonly secret: string | null;
}

/** What is not named stays as it is. */
export type OriginChange = Partial<OriginSettings>;

export interface SettingsRow {
  readonly origin: string;
  readonly version: Sequence;
  readonly settings: OriginSettings;
}

export const defaultSettings: OriginSettings = { paused: false, concurrency: null, ratePerSecond: null, secret: null };

export function unsetOf(origin: string): SettingsRow {
  return { origin, version: noSequence, settings: defaultSettings };
}

export function sameSettings(one: OriginSettings, other: OriginSettings): boolean {
  return (
    one.paused === other.paused &&
    one.concurrency === other.concurrency &&
    one.ratePerSecond === other.ratePerSecond &&
    one.secret === other.secret
  );
}

/** `home` decides and keeps what is set for an origin, `second` keeps a copy; null when there is one partition only. */
export interface OriginPlace {
  readonly home: PartitionId;
  readonly second: PartitionId | null;
}

export function placeOfOrigin(origin: string, partitions: number): OriginPlace {
  const home = (fnv1a32(Buffer.from(origin)) % slots) % partitions;
  return { home: home as PartitionId, second: partitions === 1 ? null : (((home + 1) % partitions) as PartitionId) };
}
