/**
 * What a partition can be asked to decide, and what comes out.
 *
 * `decide` reads nothing but the state. When a command is about something that is not in memory it answers with `needs`;
 * the actor fetches these facts and asks again with them.
 */
import type { Outcome } from '../event/attempt.js';
import type { EventKey } from '../event/content.js';
import type { AliasRecord, LogRecord } from '../event/record.js';
import type { RetryPolicy } from '../event/spec.js';
import type { StoredSpec } from '../event/spec-codec.js';
import type { SpecPatch } from '../event/spec-patch.js';
import type { EventStatus } from '../event/status.js';
import type { Handle, Sequence, WallMs } from '../kernel/brand.js';
import type { ErrorCode, FieldError } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';

/** Of a change: these versions of the event may be changed. Absent: any. Empty: none. `any`: whichever, but the event must be there. */
export interface Condition {
  readonly versions?: readonly number[] | 'any';
}

/** When an operator's retry is due, and until when it may start. */
export interface RetryTimes {
  readonly scheduledAtMs: WallMs;
  readonly delayMs: number | null;
  /** Null: for ever. Absent: as it was, if that is not over by then. */
  readonly expiresAtMs?: WallMs | null;
}

/** What is to become of one event. */
export type Change = Condition &
  (
    | {
        readonly op: 'cancel';
        /** Of an attempt that runs, it shall be the last one; else such an event is refused as `in-flight`. */
        readonly stopRetries?: boolean;
      }
    | { readonly op: 'patch'; readonly patch: SpecPatch }
    | { readonly op: 'retry'; readonly times: RetryTimes }
    /** Due now. */
    | { readonly op: 'fire' }
  );

export type Question = { readonly op: 'get' } | { readonly op: 'history' };

/** A change of an event, or a question about it, by its id. */
export type About = (Change | Question) & { readonly event: EventId };

/** A whole spec under an external key: to be created under the id `event`, or to replace what is pending. */
export type Put = Condition & { readonly op: 'put'; readonly event: EventId; readonly body: Uint8Array };

/** From outside: somebody waits for the answer. */
export type Request =
  | {
      readonly op: 'schedule';
      readonly event: EventId;
      readonly body: Uint8Array;
      /** It may have been asked before under this id, and is then as if asked once. */
      readonly again?: boolean;
      /**
       * Somebody may have been told that it is accepted under this id: should it repeat another event, this is the other's id as well; should it
       * have the key of one with other content, it ends DEAD with that reason.
       */
      readonly told?: boolean;
      /** If it repeats another event, that one's id and status are answer enough, which need not be read. */
      readonly brief?: boolean;
    }
  | Put
  | About
  /** Which event has this key? `about` is meant for it. */
  | { readonly op: 'find'; readonly key: EventKey; readonly about: Change | Question };

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
      /** An event that may be in an index by its id, whatever its key is. */
      readonly own: EventId | null;
    }
  /** The spec of a pending event. */
  | { readonly about: 'spec'; readonly pending: readonly [Handle] }
  /** The end of an event that has left memory; `finished` when its final record is known. */
  | { readonly about: 'id'; readonly event: EventId; readonly finished: Sequence | null };

/** An event as the log tells it, as far as a decision needs it. */
export interface KnownEvent {
  readonly event: EventId;
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
  readonly spec: StoredSpec;
  /** Where the spec was read; null of one that has finished. */
  readonly bodySeq: Sequence | null;
}

/** Newest first; empty: there is no such event. */
export type Facts = readonly KnownEvent[];

/** What the asker hears once everything decided so far is durable. `newest`: the record to read the event from. */
export type Answer =
  | { readonly op: 'accepted' }
  | { readonly op: 'replayed' | 'event' | 'history'; readonly newest: Sequence }
  | { readonly op: 'duplicate'; readonly event: EventId; readonly status: EventStatus }
  | {
      readonly op: 'refused';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly event: EventId | null;
      readonly status: EventStatus | null;
      /** Of a change that would not be valid. */
      readonly errors?: readonly FieldError[];
    };

export interface Decision {
  readonly records: readonly LogRecord[];
  /** The event that the answer is about has another id from now on. */
  readonly alias: AliasRecord | null;
  readonly answer: Answer | null;
  readonly needs: Needs | null;
  /** The event that was to be found: what was asked about it is to be decided now. */
  readonly found: EventId | null;
}
