/** What an onlooker of the simulated world gets to see: everything that checkers and scenarios judge it by. */
import type { DestinationChange } from '../../engine/destination-desk.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { OutcomeKind } from '../../engine/event/attempt.js';
import type { EventFilter } from '../../engine/event/event-filter.js';
import type { EventSpec } from '../../engine/event/spec.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { EventView } from '../../engine/event/view.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import type { Change, Request } from '../../engine/partition/command.js';
import type { PartitionPhase } from '../../engine/observe/figures.js';
import type { BulkResult } from '../../engine/router/bulk-changes.js';
import type { ListRequest } from '../../engine/router/event-lists.js';

/** A request as its producer knows it. */
export interface Asked {
  readonly number: number;
  readonly op: Request['op'];
  /** As text. Of what is to be found or put, an id that it may not have. */
  readonly event: string;
  /** What a change is about: the event, or source and external id of one that is to be found. */
  readonly about: string;
  /** Null unless it changes an event. */
  readonly change: Change | null;
  readonly partition: PartitionId;
  /** Null unless it schedules or puts something readable. */
  readonly spec: EventSpec | null;
  /** Somebody was told that it is accepted under this id, before it was decided. */
  readonly isTold: boolean;
  /** Of the content, as hex; null without a key. */
  readonly fingerprint: string | null;
  reply: HostReply | null;
}

export interface StartedAttempt {
  readonly event: string;
  readonly partition: PartitionId;
  readonly attempt: number;
  readonly origin: string;
  /** Of the machine's clock. */
  readonly wallMs: number;
  /** Monotonic. */
  readonly nowMs: number;
  /** When its courier got it: earlier, if it had to wait for its moment. */
  readonly handedOverMs: number;
  /** As it was handed over. */
  readonly spec: Uint8Array;
  /** Which courier runs it: every restart brings another. */
  readonly courier: string;
  ended: { readonly kind: OutcomeKind; readonly nowMs: number } | null;
}

/** Somebody wants something of an origin to be set. */
export interface Setting {
  readonly origin: string;
  readonly change: DestinationChange;
  /** What became of it: null while nobody has answered. */
  outcome: 'set' | 'refused' | null;
}

/** A walk through a list, page by page. */
export interface Listing {
  readonly request: Omit<ListRequest, 'after' | 'skip'>;
  readonly shown: EventView[];
  /** Null while it goes on. */
  outcome: 'done' | 'failed' | null;
}

export interface BulkAction {
  readonly op: 'cancel' | 'retry';
  readonly filter: EventFilter;
  readonly limit: number;
  result: BulkResult | null;
  /** Null while nobody has answered. */
  outcome: 'done' | 'failed' | null;
}

/** Why something may happen twice or be forgotten. */
export type Disturbance = 'power-loss' | 'kill' | 'host-crash' | 'courier-crash' | 'commit-failed';

export type Happening =
  | { readonly what: 'asked'; readonly asked: Asked }
  /** As it leaves the host. */
  | { readonly what: 'answered'; readonly asked: Asked; readonly reply: HostReply }
  /** A host hands an attempt to a courier; `wallMs` by the host's own clock. */
  | {
      readonly what: 'handed-over';
      readonly event: string;
      readonly partition: PartitionId;
      readonly attempt: number;
      readonly wallMs: number;
    }
  | { readonly what: 'started'; readonly attempt: StartedAttempt }
  | { readonly what: 'ended'; readonly attempt: StartedAttempt }
  /** `partition`: of a failed commit. `courier`: of a crash of its own. */
  | {
      readonly what: 'disturbed';
      readonly by: Disturbance;
      readonly partition: PartitionId | null;
      readonly courier: string | null;
      readonly nowMs: number;
    }
  | { readonly what: 'phase'; readonly partition: PartitionId; readonly phase: PartitionPhase; readonly detail: string | null }
  /** A watcher begins or ends, or its host was started anew: changes count again when one has been told from where on. */
  | { readonly what: 'watched'; readonly partitions: readonly PartitionId[] }
  /** As they arrive where somebody watches. */
  | { readonly what: 'watching'; readonly positions: readonly (readonly [PartitionId, Sequence])[] }
  | { readonly what: 'changed'; readonly change: StatusChange }
  /** Somebody asks that something is set for an origin, and is answered. */
  | { readonly what: 'setting' | 'set'; readonly setting: Setting }
  /** Somebody begins to walk through a list, or has come to its end; the same for a change of many events. */
  | { readonly what: 'list'; readonly listing: Listing }
  | { readonly what: 'change-many'; readonly action: BulkAction }
  | { readonly what: 'drained' }
  /** A part of the engine threw: in production its thread would be gone. */
  | { readonly what: 'died'; readonly part: string; readonly error: Error };

export type Onlooker = (happening: Happening) => void;
