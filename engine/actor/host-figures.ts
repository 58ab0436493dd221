/** What a host shows of itself four times a second: its counters and the sizes of what it holds. */
import { type WaitReason, waitReasons } from '../event/status.js';
import type { WallMs } from '../kernel/brand.js';
import type { HostFigures, LatencyFigures } from '../observe/figures.js';
import type { Backlog } from './firing/backlog.js';
import type { CourierDesk } from './firing/courier-desk.js';
import type { HostCounters } from './host-counters.js';
import type { PartitionActor } from './partition-actor.js';
import type { WaitingRoom } from './firing/waiting-room.js';

export interface HostParts {
  readonly actors: readonly PartitionActor[];
  readonly counters: HostCounters;
  readonly desk: CourierDesk;
  readonly waitingRoom: WaitingRoom;
  readonly backlog: Backlog;
  readonly readAheadBytes: number;
  readonly now: WallMs;
  readonly eventLoopDelay: LatencyFigures;
}

export function figuresOf({
  actors,
  counters,
  desk,
  waitingRoom,
  backlog,
  readAheadBytes,
  now,
  eventLoopDelay,
}: HostParts): HostFigures {
  const waiting = zeros<WaitReason>(waitReasons);
  let parked = 0;
  for (const actor of actors) parked += actor.parked;
  const working = actors.filter(({ phase }) => phase === 'ready');
  for (const origin of waitingRoom.origins()) waiting[desk.reasonFor(origin, 'regular')] += waitingRoom.count(origin);
  for (const origin of backlog.origins()) waiting[desk.reasonFor(origin, 'overdue')] += backlog.count(origin);
  const oldestDueAtMs = oldestOf(actors, [waitingRoom, backlog]);
  return {
    accepted: counters.accepted,
    fired: counters.fired,
    delivered: counters.delivered,
    failed: counters.failed,
    dead: counters.dead,
    cancelled: counters.cancelled,
    expired: counters.expired,
    // Copies: the counts of the state go on while the figures are on their way.
    levels: working.map(({ partition, state: { byStatus, byDeliveryType } }) => {
      return [partition, { byStatus: { ...byStatus }, byDeliveryType: { ...byDeliveryType } }] as const;
    }),
    waiting,
    oldestOverdueMs: oldestDueAtMs === null ? null : Math.max(0, now - oldestDueAtMs),
    overdue: backlog.size,
    longestBacklog: backlog.longest,
    fireLag: counters.fireLag.figures(),
    overdueLag: counters.overdueLag.figures(),
    delivery: counters.delivery.figures(),
    commit: counters.commit.figures(),
    records: counters.records,
    parked,
    readAheadBytes,
    eventLoopDelay,
  };
}

function oldestOf(actors: readonly PartitionActor[], queues: readonly Pick<Backlog, 'forEachHead'>[]): number | null {
  let oldest: number | null = null;
  for (const queue of queues) {
    queue.forEachHead(({ actor, handle }) => {
      const dueAtMs = actors[actor]!.state.columns.dueAtMs(handle);
      if (oldest === null || dueAtMs < oldest) oldest = dueAtMs;
    });
  }
  return oldest;
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
