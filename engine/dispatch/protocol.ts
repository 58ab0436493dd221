/**
 * Between actor hosts and couriers. A courier owns the slots of an origin: how many attempts may run there at once. A host
 * asks for slots (`want`), gets them (`grant`) as the origin allows, and answers each with an attempt (`start`) or gives
 * it back (`release`) because the event was cancelled meanwhile. An attempt frees its slot when its outcome leaves.
 *
 * Where an origin is far from its limit, a host that has started something there holds one slot in advance: its next event
 * starts without asking. It keeps it until it is used or called back (`recall`).
 *
 * Messages travel in batches as bytes (`courier-mail.ts`).
 */
import type { MessagePort } from 'node:worker_threads';
import type { Attempt, Outcome } from '../event/attempt.js';
import type { SettingsRow } from '../event/origin-settings.js';
import type { WaitReason } from '../event/status.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import type { LinkState } from '../nats/nats-link.js';
import type { DestinationAnswer, DestinationQuestion } from './destination.js';

/** `overdue`: due while the engine was down, passed over by a jump of the clock, or put back with very many. Goes behind `regular`, at a bounded pace. */
export const lanes = ['regular', 'overdue'] as const;
export type Lane = (typeof lanes)[number];

interface Slots {
  readonly origin: string;
  readonly lane: Lane;
  readonly count: number;
}

/** Everything that is set for origins of a courier in a partition's log, as of `position`. Before it, nothing is granted there. */
export interface SettingsTold {
  readonly partition: PartitionId;
  readonly position: Sequence;
  readonly rows: readonly SettingsRow[];
}

export type CourierRequest =
  /** `count` more slots, on top of what was asked for before. */
  | ({ readonly op: 'want' } & Slots)
  | ({ readonly op: 'release' } & Slots)
  /** Wants of `count` events that were cancelled or have expired while waiting. Fewer may be open: what was granted meanwhile is released instead. */
  | ({ readonly op: 'unwant' } & Slots)
  | ({ readonly op: 'settings' } & SettingsTold)
  /** The partition has stopped: if it has not told its settings, it will not. */
  | { readonly op: 'settings-lost'; readonly partition: PartitionId }
  | { readonly op: 'start'; readonly attempt: Attempt }
  /** In a cluster: the term of the lease board in which what this host starts from now on was decided; 0 until it says so. */
  | { readonly op: 'term'; readonly term: number }
  /** The partition has stopped: what still waits for its moment here is not begun. */
  | { readonly op: 'call-off'; readonly partition: PartitionId }
  /** After a reload: which attempts of this partition are running here? */
  | { readonly op: 'running?'; readonly partition: PartitionId };

export type CourierReply =
  | ({ readonly op: 'grant' } & Slots)
  /** One slot of the lane `regular` that nobody asked for. */
  | { readonly op: 'advance'; readonly origin: string }
  /** A slot given in advance comes back with `release`, unless it has been used by now. */
  | { readonly op: 'recall'; readonly origin: string }
  | { readonly op: 'outcome'; readonly outcome: Outcome }
  /** In a cluster: the lease of this node was over when it was about to start, or had been, so it was not. */
  | { readonly op: 'unstarted'; readonly partition: PartitionId; readonly event: EventId }
  /** Why this host's open wants at `origin` are not granted; null: they are. Sent on a change only. */
  | { readonly op: 'waiting'; readonly origin: string; readonly reason: WaitReason | null }
  | {
      readonly op: 'running';
      readonly partition: PartitionId;
      readonly attempts: readonly { readonly event: EventId; readonly attempt: number }[];
    };

// ---- between the main thread and a courier thread: rare, plain objects ----

export type CourierControl =
  /** `port` is in the transfer list. The host that had this number before is gone. */
  | { readonly op: 'attach'; readonly host: number; readonly port: MessagePort }
  | { readonly op: 'detach'; readonly host: number }
  /** Answered under the same number. */
  | { readonly op: 'ask'; readonly number: number; readonly question: DestinationQuestion }
  /** Of a partition that another node owns. */
  | ({ readonly op: 'settings' } & SettingsTold)
  /** Nobody owns the partition who could tell it. */
  | { readonly op: 'settings-lost'; readonly partition: PartitionId }
  /** The session of this node is over: what it was told may be out of date, and nothing starts before it is told anew. */
  | { readonly op: 'settings-forgotten' }
  /** So many nodes make attempts: each of them takes its share of what an origin allows. */
  | { readonly op: 'share'; readonly sharers: number }
  /** Grant nothing any more; answered by `drained` when nothing runs, or after `drainMs`. */
  | { readonly op: 'drain'; readonly drainMs: number }
  | { readonly op: 'close' };

export type CourierNotice =
  /** About four times a second. */
  | { readonly op: 'figures'; readonly figures: CourierFigures }
  | { readonly op: 'answer'; readonly number: number; readonly answer: DestinationAnswer }
  /** Of the courier that has the connection to NATS, with every change. */
  | { readonly op: 'nats'; readonly state: LinkState }
  /** `left`: attempts that still run. */
  | { readonly op: 'drained'; readonly left: number };

export interface CourierFigures {
  /** Attempts that run. */
  readonly running: number;
  /** Slots in use: granted or running. */
  readonly taken: number;
  /** Origins remembered. */
  readonly origins: number;
  /** Origins whose circuit is open, and those that are being probed. */
  readonly breakersOpen: number;
  readonly breakersHalfOpen: number;
  /** How often a circuit has opened. */
  readonly breakerOpenings: number;
  /** How late the thread's event loop was, sampled since the last figures. */
  readonly loopDelaysMs: readonly number[];
}
