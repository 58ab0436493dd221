/**
 * Between actor hosts and couriers. A courier owns the slots of an origin: how many attempts may run there at once. A host
 * asks for slots (`want`), gets them (`grant`) as the origin allows, and answers each with an attempt (`start`) or gives
 * it back (`release`) because the event was cancelled meanwhile. An attempt frees its slot when its outcome leaves.
 *
 * Messages travel in batches as bytes (`kernel/message-codec.ts`).
 */
import type { MessagePort } from 'node:worker_threads';
import type { Attempt, Outcome } from '../event/attempt.js';
import type { WaitReason } from '../event/status.js';
import type { PartitionId } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';

export type CourierRequest =
  /** `count` more slots, on top of what was asked for before. */
  | { readonly op: 'want'; readonly origin: string; readonly count: number }
  | { readonly op: 'release'; readonly origin: string; readonly count: number }
  /** Wants of `count` events that were cancelled or have expired while waiting. Fewer may be open: what was granted meanwhile is released instead. */
  | { readonly op: 'unwant'; readonly origin: string; readonly count: number }
  | { readonly op: 'start'; readonly attempt: Attempt }
  /** After a reload: which attempts of this partition are running here? */
  | { readonly op: 'running?'; readonly partition: PartitionId };

export type CourierReply =
  | { readonly op: 'grant'; readonly origin: string; readonly count: number }
  | { readonly op: 'outcome'; readonly outcome: Outcome }
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
  /** Grant nothing any more; answered by `drained` when nothing runs, or after `drainMs`. */
  | { readonly op: 'drain'; readonly drainMs: number }
  | { readonly op: 'close' };

export type CourierNotice =
  /** About four times a second. */
  | { readonly op: 'figures'; readonly figures: CourierFigures }
  /** `left`: attempts that still run. */
  | { readonly op: 'drained'; readonly left: number };

export interface CourierFigures {
  /** Attempts that run. */
  readonly running: number;
  /** Slots in use: granted or running. */
  readonly taken: number;
  /** Origins remembered. */
  readonly origins: number;
  /** How late the thread's event loop was, sampled since the last figures. */
  readonly loopDelaysMs: readonly number[];
}
