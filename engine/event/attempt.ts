/**
 * One try to deliver an event, and how it ended: the words that actors and couriers share.
 */
import type { PartitionId, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';

/** What a courier needs to start. */
export interface Attempt {
  readonly partition: PartitionId;
  readonly event: EventId;
  /** From 1. */
  readonly attempt: number;
  /** Attempts that were made before an operator's retry began this run: the same for all of a run, and never again. */
  readonly run: number;
  readonly origin: string;
  /** As `spec-codec.ts` lays it out: the courier decodes it, not the actor. */
  readonly spec: Uint8Array;
  /** What lag is measured from: the latest of the time asked for and the time accepted or last changed. */
  readonly dueAtMs: WallMs;
  /** Overdue when the engine started: its lag is counted apart. */
  readonly overdue: boolean;
}

/**
 * How it ended. `delivered`: 2xx, PubAck, handler returned. `failed`: anything else, to be retried while the budget lasts.
 * `gone`: 410, no further attempt.
 */
export const outcomeKinds = ['delivered', 'failed', 'gone'] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

export interface Outcome {
  readonly partition: PartitionId;
  readonly event: EventId;
  readonly attempt: number;
  readonly kind: OutcomeKind;
  readonly startedAtMs: WallMs;
  readonly durationMs: number;
  /** Start minus `dueAtMs`. */
  readonly lagMs: number;
  /** Null when no answer came. */
  readonly statusCode: number | null;
  /** For people: `HTTP 503`, `timed out after 30000 ms`, `egress-refused: 169.254.1.1 is link-local`. Null when delivered. */
  readonly error: string | null;
  /** At most 1 KiB; null when there was none. */
  readonly responseBody: Uint8Array | null;
  /** From `Retry-After`, capped; null when none. */
  readonly retryAfterMs: number | null;
}
