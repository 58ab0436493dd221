/**
 * One kind of bulk change in one partition: what `bulk-desk.ts` drives, and `cancel-walk.ts` and `retry-walk.ts` are.
 *
 *     walkOn --found--> (reader: do its texts match?) --> ready --settleNext--> changed, or why not
 */
import type { ReadFailure } from './facts.js';
import type { HostShared } from './host-shared.js';
import type { Ledger } from './ledger.js';
import type { PartitionMemory } from './partition-memory.js';
import type { RequestDesk } from './request-desk.js';

/** What became of a candidate: changed; matched and left as it is; would be changed, but was not to be; no longer there. */
export type Settled = 'changed' | 'left' | 'changeable' | 'gone';

/** Finds what may match and changes it, one by one. */
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
  /** Decides about the next candidate; changes it only if it may. */
  settleNext(mayChange: boolean): Settled;
}

/** What a walk works with. */
export interface WalkParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly ledger: Ledger;
  readonly requests: RequestDesk;
  /** The reader has answered. */
  heard(): void;
  failed(failure: ReadFailure): void;
}
