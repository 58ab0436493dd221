/** What the status stream shows: one transition of an event, durable when anybody hears of it. */
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import type { EventStatus } from './status.js';

export interface StatusChange {
  readonly partition: PartitionId;
  /** Of the record that made it. Grows within a partition; a record that is no change leaves a hole. */
  readonly seq: Sequence;
  readonly event: EventId;
  readonly externalJobId: string | null;
  readonly source: string;
  readonly type: string | null;
  readonly status: EventStatus;
  readonly version: number;
  readonly at: WallMs;
  readonly attempt: number;
  readonly nextAttemptAtMs: WallMs | null;
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly fireLagMs: number | null;
}
