/** From the router to an actor host, in batches of bytes. `request` numbers an answer; the router chooses it. */
import type { EventFilter } from '../event/event-filter.js';
import type { LabelFilter } from '../event/label-filter.js';
import type { ListQuery } from '../event/event-list.js';
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { Request } from '../partition/command.js';
import type { SettingsRequest } from '../partition/decide-settings.js';

/** What is meant for a partition and answered under the number. */
export type NumberedHostRequest = { readonly request: number; readonly partition: PartitionId } & (
  | Exclude<Request, { readonly op: 'schedule' }>
  | ScheduleSheaf
  /** Status changes of the log behind `after` up to `upTo`, or as far as it is durable: a slice. Refused while the partition does not work. */
  | { readonly op: 'changes'; readonly after: Sequence; readonly upTo: Sequence }
  /** To the home partition of an origin: merge this into what is set for it. */
  | Extract<SettingsRequest, { op: 'configure' }>
  /** To its second partition: what the home has decided. */
  | Extract<SettingsRequest, { op: 'keep-copy' }>
  /** All that is kept for origins here: for the couriers of other nodes. */
  | { readonly op: 'settings-of' }
  | AboutMany
);

/** New events as `log/event-sheaf.ts` lays them out, numbered from `request` on; each is answered for itself, or with its neighbours. */
export interface ScheduleSheaf {
  readonly op: 'schedule-sheaf';
  readonly count: number;
  readonly events: Uint8Array;
  /** Some may have been asked before under the same ids, by a node that has lost the answer. */
  readonly again?: boolean;
  /** Somebody may have been told that they are accepted under these ids. */
  readonly told?: boolean;
  /** Of those that repeat others, id and status are enough for an answer. */
  readonly brief?: boolean;
}

export type HostRequest =
  | NumberedHostRequest
  /** Send `changes` notices from now on, or no longer. `on` is answered by `watching` with the same `round`; off is not answered. */
  | { readonly op: 'watch'; readonly on: boolean; readonly round: number }
  /** No new attempts; answered by `drained` when none is running and everything is durable. */
  | { readonly op: 'drain' };

/** About many events of a partition: worked off in the spare time of turns. */
type AboutMany =
  /** Which events come next in a list. */
  | { readonly op: 'list'; readonly query: ListQuery }
  /** How these events are now; `events`: ids one behind the other. */
  | { readonly op: 'views'; readonly events: Uint8Array }
  /** How many events of this source and type there are, and how it goes. */
  | { readonly op: 'tally'; readonly labels: LabelFilter }
  /** Change what matches, `limit` events at most, for so long at most. */
  | {
      readonly op: 'change-many';
      readonly change: BulkChange;
      readonly filter: EventFilter;
      readonly limit: number;
      readonly workMs: number;
    };

export type NumberedSheaf = Extract<NumberedHostRequest, { readonly op: 'schedule-sheaf' }>;

export type BulkChange = { readonly op: 'cancel' } | { readonly op: 'retry'; readonly scheduledAtMs: WallMs };

export type Enquiry = Extract<NumberedHostRequest, { readonly op: AboutMany['op'] }>;

export function isEnquiry(request: NumberedHostRequest): request is Enquiry {
  return request.op === 'list' || request.op === 'views' || request.op === 'change-many' || request.op === 'tally';
}
