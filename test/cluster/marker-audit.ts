/**
 * All ownership markers that were ever written, compared with what must hold whatever happened: epochs of a partition count up by one, each belongs to one
 * session, and a marker that releases stands behind the one that it releases.
 */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type LogStreamsShape,
  logStreamOf,
  markerPattern,
  partitionOfSubject,
} from '../../engine/cluster/journal/log-streams.js';
import { type Marker, readMarker } from '../../engine/cluster/ownership/ownership.js';
import type { PartitionId } from '../../engine/kernel/brand.js';

export interface WrittenMarker extends Marker {
  /** By the server's clock. */
  readonly writtenAtMs: number;
}

export interface MarkerAudit {
  /** What must not be, in words. */
  readonly faults: readonly string[];
  /** In order, by partition. */
  readonly markers: ReadonlyMap<PartitionId, readonly WrittenMarker[]>;
}

export async function auditMarkers(
  connection: NatsConnection,
  { streams }: Pick<LogStreamsShape, 'streams'>,
): Promise<MarkerAudit> {
  const markers = new Map<PartitionId, WrittenMarker[]>();
  const faults: string[] = [];
  for (let stream = 0; stream < streams; stream++) {
    for await (const { subject, data, timestamp } of everyMessage(connection, logStreamOf(stream as PartitionId, streams))) {
      const partition = partitionOfSubject(subject)!;
      const marker = readMarker(data);
      if (marker === null) {
        faults.push(`partition ${partition}: a marker cannot be read`);
        continue;
      }
      const before = markers.get(partition)?.at(-1) ?? null;
      const fault = faultOf(before, marker);
      if (fault !== null) faults.push(`partition ${partition}, epoch ${marker.epoch} of ${marker.session}: ${fault}`);
      const written = { ...marker, writtenAtMs: Date.parse(timestamp) };
      markers.set(partition, [...(markers.get(partition) ?? []), written]);
    }
  }
  return { faults, markers };
}

function faultOf(before: Marker | null, marker: Marker): string | null {
  if (marker.released) {
    const isItsOwn = before !== null && !before.released && before.epoch === marker.epoch && before.session === marker.session;
    return isItsOwn ? null : 'releases what is not its own';
  }
  return marker.epoch === (before?.epoch ?? 0) + 1 ? null : `follows epoch ${before?.epoch ?? 0}`;
}

async function* everyMessage(connection: NatsConnection, stream: string) {
  const manager = await jetstreamManager(connection);
  const { num_pending, name } = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    filter_subject: markerPattern,
  });
  const consumer = await jetstream(connection).consumers.get(stream, name);
  for (let left = num_pending; left > 0; ) {
    const messages = await consumer.fetch({ max_messages: Math.min(left, 500), expires: 5_000 });
    for await (const message of messages) {
      left--;
      yield message;
    }
  }
  await manager.consumers.delete(stream, name);
}
