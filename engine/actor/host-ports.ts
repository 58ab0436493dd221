/**
 * What an actor host can do to the world. The thread shell binds these to message ports and timers, the simulator to its own
 * network, store and clock: the host cannot tell the difference.
 */
import type { StatusChange } from '../event/status-change.js';
import type { PartitionId } from '../kernel/brand.js';
import type { Clock } from '../kernel/clock.js';
import type { LeaseBoard } from '../kernel/lease-board.js';
import type { ReaderRequest, WriterRequest } from '../log/protocol.js';
import type { CourierDeskPorts } from './firing/courier-desk.js';
import type { HostNotice } from './notices.js';
import type { HostReply } from './replies.js';

export interface HostPorts {
  readonly clock: Clock;
  /** In a cluster: until when this node may act as an owner. Null: there is no cluster, and every partition is this host's for good. */
  readonly lease: Pick<LeaseBoard, 'isAheadIn'> | null;
  /** In [0, 1). */
  random(): number;
  toWriter(request: WriterRequest): void;
  toReader(request: ReaderRequest): void;
  readonly couriers: CourierDeskPorts;
  reply(reply: HostReply): void;
  notify(notice: HostNotice): void;
  /** Only while somebody watches. */
  change(change: StatusChange): void;
}

export interface HostOptions {
  readonly partitions: readonly PartitionId[];
  readonly readAheadBytesMax: number;
  /** A snapshot is taken about every so many records of a partition. */
  readonly snapshotRecords: number;
  /** How long finished events stay. */
  readonly retentionMs: number;
}
