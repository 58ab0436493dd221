/** From an actor host to the router: one for each numbered request, sent when what it says is durable. */
import type { ErrorCode, FieldError } from '../kernel/errors.js';
import type { Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import type { SettingsRow } from '../event/origin-settings.js';
import type { EventView, HistoryEntry } from '../event/view.js';

export type HostReply =
  /** A new event, SCHEDULED, version 1: the asker has everything else of it. */
  | { readonly op: 'accepted'; readonly request: number }
  /** The same request was accepted before, as `view`. */
  | { readonly op: 'replayed'; readonly request: number; readonly view: EventView }
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
  | {
      readonly op: 'refused';
      readonly request: number;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly event: EventId | null;
      readonly status: string | null;
      readonly errors?: readonly FieldError[];
    };
