/** What crosses the port between the main thread and an actor host: batches as bytes, and a few plain objects. */
import type { MessagePort } from 'node:worker_threads';
import type { PartitionId } from '../kernel/brand.js';
import type { HostNotice } from './notices.js';

export type HostOrder =
  /** `HostRequest` */
  | { readonly op: 'requests'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The courier of this number died; a fresh one is behind `port`, which is in the transfer list. */
  | { readonly op: 'courier'; readonly courier: number; readonly port: MessagePort }
  | PartitionOrder
  /** Let the disk threads finish and end. */
  | { readonly op: 'close' };

/** In a cluster: what this node has to do with a partition. What comes of it is told as `PartitionNews`. */
export type PartitionOrder =
  | { readonly op: 'follow'; readonly partition: PartitionId; readonly on: boolean }
  /** The ownership marker of this epoch is this node's. Ends following. `term`: of the lease board, now; what was taken in an earlier one has been dropped before. */
  | { readonly op: 'take'; readonly partition: PartitionId; readonly epoch: number; readonly term: number }
  /** In order: attempts end, everything becomes durable. */
  | { readonly op: 'release'; readonly partition: PartitionId }
  /** At once. */
  | { readonly op: 'drop'; readonly partition: PartitionId };

export type HostMail =
  /** `HostReply` */
  | { readonly op: 'replies'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** `StatusChange` */
  | { readonly op: 'changes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly op: 'notice'; readonly notice: HostNotice };
