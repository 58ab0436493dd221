/**
 * What a partition can be asked to decide, and what comes out.
 *
 * `decide` reads nothing but the state. When a command is about something that is not in memory it answers with `needs`;
 * the actor fetches these facts and asks again with them.
 */
import type { Outcome } from '../event/attempt.js';
import type { EventKey } from '../event/content.js';
import type { LogRecord } from '../event/record.js';
import type { RetryPolicy } from '../event/spec.js';
import type { EventStatus } from '../event/status.js';
import type { Handle, Sequence, WallMs } from '../kernel/brand.js';
import type { ErrorCode } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';

/** From outside: somebody waits for the answer. */
export type Request =
  | { readonly op: 'schedule'; readonly event: EventId; readonly body: Uint8Array }
  | { readonly op: 'cancel'; readonly event: EventId }
  | { readonly op: 'get'; readonly event: EventId }
  | { readonly op: 'history'; readonly event: EventId };

/** From inside: time has come, a slot was granted, an attempt has ended. */
export type Happening =
  | { readonly op: 'expire'; readonly handle: Handle }
  | { readonly op: 'dispatch'; readonly handle: Handle }
  /** `random` in [0, 1) spreads the back-off: deciding draws no lots. */
  | { readonly op: 'outcome'; readonly outcome: Outcome; readonly retry: RetryPolicy; readonly random: number };

export type Command = Request | Happening;

/** What must be read before a request can be decided. */
export type Needs =
  /** All events, pending or finished, that may have this key. */
  | {
      readonly about: 'key';
      readonly tagHigh: number;
      readonly tagLow: number;
      readonly pending: readonly Handle[];
      readonly finished: readonly Sequence[];
      readonly askIndex: boolean;
    }
  /** The end of an event that has left memory; `finished` when its final record is known. */
  | { readonly about: 'id'; readonly event: EventId; readonly finished: Sequence | null };

/** An event as the log tells it, as far as a decision needs it. */
export interface KnownEvent {
  readonly event: EventId;
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly key: EventKey | null;
  readonly fingerprint: Uint8Array | null;
  readonly createdAtMs: WallMs;
}

/** Newest first; empty: there is no such event. */
export type Facts = readonly KnownEvent[];

/** What the asker hears once everything decided so far is durable. `newest`: the record to read the event from. */
export type Answer =
  | { readonly op: 'accepted' }
  | { readonly op: 'replayed' | 'event' | 'history'; readonly newest: Sequence }
  | {
      readonly op: 'refused';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly event: EventId | null;
      readonly status: EventStatus | null;
    };

export interface Decision {
  readonly records: readonly LogRecord[];
  readonly answer: Answer | null;
  readonly needs: Needs | null;
}
