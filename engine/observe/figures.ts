/**
 * What threads measure and the main thread shows: counters since the thread started and latency buckets. Plain data, so
 * that it crosses threads; sent four times a second while something happens, once a second in any case, whole, so that a lost message
 * costs nothing.
 */
import type { DeliveryType } from '../event/spec.js';
import type { EventStatus } from '../event/status.js';
import type { PartitionId } from '../kernel/brand.js';

/** Upper bounds in milliseconds of the buckets that `/metrics` shows; the last bucket is open. */
export const latencyBucketsMs = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
] as const;

/**
 * `buckets` counts per bucket (not summed up) and has one count more than the bounds. `points` is what quantiles come from: pairs
 * of a slot of the histogram in `latency.ts` and its count, for slots that are not empty, ascending, one flat list.
 */
export interface LatencyFigures {
  readonly buckets: readonly number[];
  readonly count: number;
  readonly sumMs: number;
  readonly maxMs: number;
  readonly points: readonly number[];
}

/** `elsewhere`: another node of the cluster owns it, or nobody does. */
export const partitionPhases = ['recovering', 'ready', 'failed', 'elsewhere'] as const;
export type PartitionPhase = (typeof partitionPhases)[number];

/** Events of a partition that are in memory or retained, as whoever serves it counts them. */
export interface PartitionLevels {
  readonly byStatus: Readonly<Record<EventStatus, number>>;
  readonly byDeliveryType: Readonly<Record<DeliveryType, number>>;
}

/** From one actor host. */
export interface HostFigures {
  readonly accepted: number;
  readonly fired: number;
  readonly delivered: number;
  /** Failed attempts, each counted. */
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Of each partition that works here: of one that is replayed they are not known yet. */
  readonly levels: readonly (readonly [PartitionId, PartitionLevels])[];
  readonly waiting: Readonly<Record<'concurrency' | 'breaker' | 'paused' | 'recovery', number>>;
  /** Null when nothing is overdue. */
  readonly oldestOverdueMs: number | null;
  /** Not yet started and overdue when the engine started, or when the clock jumped. */
  readonly overdue: number;
  /** Of those, at the origin that has most of them. */
  readonly longestBacklog: number;
  readonly fireLag: LatencyFigures;
  /** Of those that were overdue when the engine started: counted apart. */
  readonly overdueLag: LatencyFigures;
  readonly delivery: LatencyFigures;
  readonly commit: LatencyFigures;
  readonly records: number;
  readonly parked: number;
  readonly readAheadBytes: number;
  readonly eventLoopDelay: LatencyFigures;
}

/** From one courier, as `dispatch/protocol.ts` sends it. The delays are samples since its last figures, not sums. */
export interface CourierFigures {
  /** Attempts that run. */
  readonly running: number;
  /** Slots in use: granted or running. */
  readonly taken: number;
  /** Origins remembered. */
  readonly origins: number;
  /** Origins whose circuit is open, and those that are being probed. */
  readonly breakersOpen: number;
  readonly breakersHalfOpen: number;
  /** How often a circuit has opened. */
  readonly breakerOpenings: number;
  readonly loopDelaysMs: readonly number[];
}
