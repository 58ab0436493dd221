/** What crosses the port between the main thread and an actor host: batches as bytes, and a few plain objects. */
import type { MessagePort } from 'node:worker_threads';
import type { HostNotice } from './notices.js';

export type HostOrder =
  /** `HostRequest` */
  | { readonly op: 'requests'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The courier of this number died; a fresh one is behind `port`, which is in the transfer list. */
  | { readonly op: 'courier'; readonly courier: number; readonly port: MessagePort }
  /** Let the disk threads finish and end. */
  | { readonly op: 'close' };

export type HostMail =
  /** `HostReply` */
  | { readonly op: 'replies'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** `StatusChange` */
  | { readonly op: 'changes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly op: 'notice'; readonly notice: HostNotice };
