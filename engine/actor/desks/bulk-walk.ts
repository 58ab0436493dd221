/**
 * One kind of bulk change in one partition: what `bulk-desk.ts` drives, and `cancel-walk.ts` and `retry-walk.ts` are.
 *
 *     walkOn --found--> (reader: do its texts match?) --> ready --settle--> changed, or why not
 */
import type { ReadFailure } from './facts.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { PutBack } from './put-back.js';
import type { RequestDesk } from './request-desk.js';

/** What became of some candidates; those that are no longer there, or something else by now, are not counted. */
export interface Settled {
  readonly changed: number;
  /** They match, and are left as they are. */
  readonly left: number;
  /** There was one that would be changed, but was not to be: nothing behind it has been looked at. */
  readonly hasMore: boolean;
}

/** Finds what may match and changes it. */
export interface BulkWalk {
  /** Candidates that certainly match. */
  readonly ready: number;
  /** Messages under way to the reader. */
  readonly asked: number;
  /** Nothing is left to look at. */
  readonly isOver: boolean;
  /** There is something to look at before the reader answers; nothing else may ask for turns. */
  readonly canWalkOn: boolean;
  /** Looks at some more; about 20 us. */
  walkOn(): void;
  /** Decides about the next candidates, `count` at most, and changes `mayChange` of them at most. */
  settle(some: { readonly count: number; readonly mayChange: number }): Settled;
}

/** What a walk works with. */
export interface WalkParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly ledger: Ledger;
  readonly requests: RequestDesk;
  readonly putBack: PutBack;
  /** The reader has answered. */
  heard(): void;
  failed(failure: ReadFailure): void;
}
