/** Figures of a host for the tests of this folder. */
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { HostFigures, PartitionLevels } from '../../engine/observe/figures.js';
import { LatencyRecorder, noLatency } from '../../engine/observe/latency.js';

export function latencyOf(...values: number[]) {
  const recorder = new LatencyRecorder();
  for (const value of values) recorder.record(value);
  return recorder.figures();
}

/** Of one partition. */
export function levelsOf(
  partition: number,
  { byStatus = {}, byDeliveryType = {} }: { [Name in keyof PartitionLevels]?: Partial<PartitionLevels[Name]> },
): readonly [PartitionId, PartitionLevels] {
  const none = { SCHEDULED: 0, DISPATCHED: 0, DELIVERED: 0, RETRYING: 0, DEAD: 0, CANCELLED: 0, EXPIRED: 0 };
  const types = { HTTP: 0, NATS: 0, LOCAL: 0, ...byDeliveryType };
  return [partition as PartitionId, { byStatus: { ...none, ...byStatus }, byDeliveryType: types }];
}

export function hostFigures(more: Partial<HostFigures> = {}): HostFigures {
  return {
    accepted: 0,
    fired: 0,
    delivered: 0,
    failed: 0,
    dead: 0,
    cancelled: 0,
    expired: 0,
    levels: [],
    waiting: { concurrency: 0, breaker: 0, paused: 0, recovery: 0 },
    oldestOverdueMs: null,
    overdue: 0,
    longestBacklog: 0,
    fireLag: noLatency,
    overdueLag: noLatency,
    delivery: noLatency,
    commit: noLatency,
    records: 0,
    parked: 0,
    readAheadBytes: 0,
    eventLoopDelay: noLatency,
    ...more,
  };
}
