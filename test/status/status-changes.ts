/** Changes for the tests of this folder. */
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import type { StatusFilter } from '../../engine/status/filter.js';

export const everything: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };

export function newEventId(): EventId {
  return mintEventId(0 as Slot, 1_700_000_000_000 as WallMs);
}

export function change(partition: number, seq: number, more: Partial<StatusChange> = {}): StatusChange {
  return {
    partition: partition as PartitionId,
    seq: seq as Sequence,
    event: newEventId(),
    externalJobId: null,
    source: 'shop',
    type: null,
    status: 'SCHEDULED',
    version: 1,
    at: 1_700_000_000_000 as WallMs,
    attempt: 0,
    nextAttemptAtMs: null,
    statusCode: null,
    error: null,
    fireLagMs: null,
    ...more,
  };
}

export function at(positions: Readonly<Record<number, number>>): (readonly [PartitionId, Sequence])[] {
  return Object.entries(positions).map(([partition, seq]) => [Number(partition) as PartitionId, seq as Sequence]);
}
