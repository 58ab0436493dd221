/** From an actor host to the router: an answer to each numbered request, sent when what it says is durable. */
import type { ErrorCode, FieldError } from '../kernel/errors.js';
import type { Tally } from '../event/label-filter.js';
import type { Sequence, WallMs } from '../kernel/brand.js';
import type { FlowFigures } from './ledger/label-flows.js';
import type { ListCoverage } from '../event/event-list.js';
import type { EventId } from '../kernel/event-id.js';
import type { SettingsRow } from '../event/origin-settings.js';
import type { EventStatus } from '../event/status.js';
import type { EventView, HistoryEntry } from '../event/view.js';

export type HostReply =
  /** A new event, SCHEDULED, version 1: the asker has everything else of it. With it the requests that follow it by number, `count` in all. */
  | { readonly op: 'accepted'; readonly request: number; readonly count: number }
  /** The same request was accepted before, as `view`. */
  | { readonly op: 'replayed'; readonly request: number; readonly view: EventView }
  /** The same for whoever asked to be told no more. */
  | { readonly op: 'duplicate'; readonly request: number; readonly event: EventId; readonly status: EventStatus }
  | { readonly op: 'event'; readonly request: number; readonly view: EventView }
  | { readonly op: 'history'; readonly request: number; readonly entries: readonly HistoryEntry[] }
  /** `changes`: `StatusChange` messages as bytes. The rest as in `ChangeSlice`. */
  | {
      readonly op: 'changes';
      readonly request: number;
      readonly after: Sequence;
      readonly through: Sequence;
      readonly changes: Uint8Array;
    }
  /** What is set for an origin from now on. */
  | { readonly op: 'settings'; readonly request: number; readonly row: SettingsRow }
  /** All that is kept for origins in the partition, as of `position`. */
  | {
      readonly op: 'settings-kept';
      readonly request: number;
      readonly position: Sequence;
      readonly rows: readonly SettingsRow[];
    }
  /** `entries` as `ListEntries` lays them out, in no order; those behind `coverage` do not count. */
  | { readonly op: 'listed'; readonly request: number; readonly entries: Uint8Array; readonly coverage: ListCoverage }
  /** `waiting`: by place in `waitReasons`. `flows`: of the whole host, which `flowsOf` names. */
  | {
      readonly op: 'tally';
      readonly request: number;
      readonly tally: Tally;
      readonly waiting: readonly number[];
      readonly oldestDueAtMs: WallMs | null;
      readonly flows: readonly FlowFigures[];
      readonly flowsOf: string;
    }
  /** What has become of a bulk change in this partition. */
  | {
      readonly op: 'changed-many';
      readonly request: number;
      readonly matched: number;
      readonly changed: number;
      readonly hasMore: boolean;
    }
  /** In the order asked; null: there is no such event any more. */
  | { readonly op: 'views'; readonly request: number; readonly views: readonly (EventView | null)[] }
  | {
      readonly op: 'refused';
      readonly request: number;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly event: EventId | null;
      readonly status: string | null;
      readonly errors?: readonly FieldError[];
    };
