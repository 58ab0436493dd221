/**
 * The streams in which partitions have their logs, and the subjects of a partition in them.
 *
 *     ESCAPEMENT_LOG_<s>     of the partitions whose number mod S is s
 *         escapement.p.<p>.o     ownership markers
 *         escapement.p.<p>.j     the journal
 *         escapement.p.<p>.c     new events that no owner has answered for
 *     ESCAPEMENT_BASES       of all partitions: `base-shelf.ts`
 *
 * Several streams, because everything in one stream is put in one order by one leader. How many is in the cluster record, since a partition
 * must be found where it was put. Subjects are listed one by one: with a wildcard two streams would overlap.
 *
 * What a node was told is stored must stay: so nothing is dropped by age, by number for each subject, or to make room; and whoever reads asks the
 * leader, since a copy that lags behind would show a marker or an entry as the newest when it is not.
 *
 * One of the files that know the client's packages.
 */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { PartitionId } from '../../kernel/brand.js';
import { ensureStream, type StreamNeeds } from '../../nats/streams.js';

const logStreamsMax = 4;
const apiMsMax = 5_000;

/** What a new cluster of so many partitions begins with. */
export function usualLogStreams(partitions: number): number {
  return Math.min(logStreamsMax, partitions);
}

/** `streams`: how many there are, as the cluster record says. */
export function logStreamOf(partition: PartitionId, streams: number): string {
  return nameOf(partition % streams);
}

export function markerSubject(partition: PartitionId): string {
  return `escapement.p.${partition}.o`;
}

/** Of every partition. */
export const markerPattern = 'escapement.p.*.o';

/** Null for a subject that is none of a partition. */
export function partitionOfSubject(subject: string): PartitionId | null {
  const number = Number(subject.split('.')[2]);
  return Number.isSafeInteger(number) ? (number as PartitionId) : null;
}

export function journalSubject(partition: PartitionId): string {
  return `escapement.p.${partition}.j`;
}

export function commandSubject(partition: PartitionId): string {
  return `escapement.p.${partition}.c`;
}

export const baseStream = 'ESCAPEMENT_BASES';

/** Null: of every base of the partition. */
export function baseSubject(partition: PartitionId, base: { readonly epoch: number; readonly first: number } | null): string {
  return base === null ? `escapement.b.${partition}.>` : `escapement.b.${partition}.${base.epoch}.${base.first}`;
}

export interface LogStreamsShape {
  readonly partitions: number;
  readonly streams: number;
}

/** Makes those that are not there. Throws StreamUnfit for one that cannot be used, and what the server or the connection has against it. */
export async function ensureLogStreams(connection: NatsConnection, shape: LogStreamsShape): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
  for (let number = 0; number < shape.streams; number++) await ensureStream(manager, needsOf(number, shape));
  await ensureStream(manager, { ...kept, name: baseStream, subjects: ['escapement.b.>'] });
}

function needsOf(number: number, { partitions, streams }: LogStreamsShape): StreamNeeds {
  const subjects: string[] = [];
  for (let partition = number; partition < partitions; partition += streams) subjects.push(`escapement.p.${partition}.*`);
  return { ...kept, name: nameOf(number), subjects };
}

const kept = {
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  storage: StorageType.File,
  max_age: 0,
  max_msgs_per_subject: -1,
  allow_direct: false,
} as const satisfies Partial<StreamConfig>;

function nameOf(number: number): string {
  return `ESCAPEMENT_LOG_${number}`;
}
