/** From the router to an actor host, in batches of bytes. `request` numbers an answer; the router chooses it. */
import type { EventId } from '../kernel/event-id.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { SettingsRequest } from '../partition/decide-settings.js';

export type HostRequest =
  /** `body` as `event/spec-codec.ts` lays it out. Deciding needs its head only, unless its key was seen before. */
  | {
      readonly op: 'schedule';
      readonly request: number;
      readonly partition: PartitionId;
      readonly event: EventId;
      readonly body: Uint8Array;
    }
  | { readonly op: 'cancel'; readonly request: number; readonly partition: PartitionId; readonly event: EventId }
  | { readonly op: 'get'; readonly request: number; readonly partition: PartitionId; readonly event: EventId }
  | { readonly op: 'history'; readonly request: number; readonly partition: PartitionId; readonly event: EventId }
  /** Status changes of the log behind `after` up to `upTo`, or as far as it is durable: a slice. Refused while the partition does not work. */
  | {
      readonly op: 'changes';
      readonly request: number;
      readonly partition: PartitionId;
      readonly after: Sequence;
      readonly upTo: Sequence;
    }
  /** To the home partition of an origin: merge this into what is set for it. */
  | ({ readonly request: number; readonly partition: PartitionId } & Extract<SettingsRequest, { op: 'configure' }>)
  /** To its second partition: what the home has decided. */
  | ({ readonly request: number; readonly partition: PartitionId } & Extract<SettingsRequest, { op: 'keep-copy' }>)
  /** Send `changes` notices from now on, or no longer. `on` is answered by `watching` with the same `round`; off is not answered. */
  | { readonly op: 'watch'; readonly on: boolean; readonly round: number }
  /** No new attempts; answered by `drained` when none is running and everything is durable. */
  | { readonly op: 'drain' };
