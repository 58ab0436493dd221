/** What the partitions of a host have in common. */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { SpaceLevel } from '../log/protocol.js';
import type { Backlog } from './firing/backlog.js';
import type { BodyStore } from './body-store.js';
import type { CourierDesk } from './firing/courier-desk.js';
import type { GatheredBodies } from './desks/gathered-bodies.js';
import type { HostCounters } from './host-counters.js';
import type { LabelFlows } from './ledger/label-flows.js';
import type { HostPorts } from './host-ports.js';
import type { Reads } from './reads.js';
import type { SnapshotTurn } from './life/snapshot-turn.js';
import type { WaitingRoom } from './firing/waiting-room.js';

export interface HostShared {
  readonly ports: HostPorts;
  readonly reads: Reads;
  /** Of events about which something is to be decided. */
  readonly specs: GatheredBodies;
  readonly desk: CourierDesk;
  readonly waitingRoom: WaitingRoom;
  readonly backlog: Backlog;
  readonly counters: HostCounters;
  readonly flows: LabelFlows;
  readonly bodies: BodyStore;
  /** A snapshot is taken about every so many records. */
  readonly snapshotRecords: number;
  readonly snapshotTurn: SnapshotTurn;
  /** How long finished events stay. */
  readonly retentionMs: number;
  /** Whether somebody watches status changes. */
  isWatched(): boolean;
  /** Tells whoever watches that changes of a partition are sent behind this position, which is durable. */
  watchFrom(partition: PartitionId, position: Sequence): void;
  /** False while draining, while the disk is full, and when the lease is over. */
  mayStart(): boolean;
  /** Whether there was a slot at hand, which is the caller's now: given in advance, and nobody waits there. */
  takeAdvance(origin: string): boolean;
  /** More events are due than a turn takes, very many are being changed, or a partition is not ready yet. */
  isFlooded(): boolean;
  /** Free space as the log writer last saw it. */
  space(): SpaceLevel;
}
