/** What a member of a cluster counts and shows in its metrics, counted up where it happens. Main thread. */
import type { PartitionId } from '../kernel/brand.js';
import { LatencyRecorder } from './latency.js';

export class ClusterCounts {
  /** Sessions that were over before this node had said so: NATS was away, a thread hung, the machine slept. */
  sessionsLost = 0;
  /** From when the owner before was last known to serve until a partition was served here. */
  readonly takeovers = new LatencyRecorder();
  /** Begun by an owner before and without an outcome, so begun again: what may be a duplicate. */
  attemptsAgain = 0;
  /** Partitions that somebody else had opened while they were served here. */
  partitionsLost = 0;
  /** How often one could neither be owned nor followed here. */
  partitionsFailed = 0;
  /** Messages to other nodes and from them, and their bytes. */
  messagesSent = 0;
  messagesReceived = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** New events that no owner had answered for in time, safe for the next one: answered with 202. */
  eventsKept = 0;
}

/** What metrics are made of besides. */
export interface ClusterFigures {
  readonly counts: ClusterCounts;
  readonly isJoined: boolean;
  /** Nodes that live, gateways among them. */
  readonly nodes: number;
  /** Of all partitions of the cluster, nobody's at the moment. */
  readonly unowned: number;
  /** How many partitions stand where, here. */
  stages(): Readonly<Record<string, number>>;
  /** Entries that copies here are behind. */
  lags(): readonly (readonly [PartitionId, number])[];
}
