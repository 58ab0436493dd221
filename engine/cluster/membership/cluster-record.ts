/**
 * What all nodes of a cluster must agree on, written once by the first of them.
 *
 * Whoever computes another partition for an event, or reads another format, would scatter and misread what the others have written. So the first node
 * writes the record, by compare-and-set on "there is none", and each later one compares its own values before it does anything else. Numbers that its
 * operator has not set are taken from the record. A gateway takes it as it is: it may not write it.
 *
 * Beside them: the cluster's id, by which a data directory is known to belong to it, and a webhook secret for those who have set none, since all
 * nodes must sign alike.
 */
import { randomBytes } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { StartError } from '../../kernel/errors.js';
import { writeBehind } from '../../nats/compare-and-set.js';
import { readRecord, recordStream, recordSubject } from './buckets.js';

/** Of what is kept in the cluster's streams. */
const clusterFormat = 1;
const slotHash = 'fnv1a32';
const apiMsMax = 5_000;
const secretBytes = 32;

export interface ClusterRecord {
  readonly partitions: number;
  /** Streams that partition logs are spread over. */
  readonly streams: number;
  readonly id: string;
  /** `whsec_` and base64. */
  readonly webhookSecret: string;
}

export interface ClusterWishes {
  /** Null: the operator has not said. */
  readonly partitions: number | null;
  /** What a new cluster begins with. */
  readonly usualPartitions: number;
  usualStreams(partitions: number): number;
}

/** Null: there is none yet. Throws StartError when it says something else than this node. */
export async function findClusterRecord(
  connection: NatsConnection,
  wishes: Pick<ClusterWishes, 'partitions'>,
): Promise<ClusterRecord | null> {
  const there = await readRecord(connection, apiMsMax);
  return there === null ? null : agreed(there.data, wishes);
}

/** Reads the record or makes it; its bucket is there. Throws as `findClusterRecord`, and another Error for what time mends. */
export async function openClusterRecord(connection: NatsConnection, wishes: ClusterWishes): Promise<ClusterRecord> {
  const there = await findClusterRecord(connection, wishes);
  if (there !== null) return there;
  const payload = JSON.stringify(newRecord(wishes));
  const write = { stream: recordStream, subject: recordSubject, payload, after: 0 };
  const written = await writeBehind(connection, write, apiMsMax);
  if (written.kind === 'stored') return agreed(Buffer.from(payload), wishes);
  // Another node was first. On several servers a write is refused for one that is under way, and cannot be read yet.
  const theirs = await findClusterRecord(connection, wishes);
  if (theirs === null) throw new Error('another node is writing the cluster record');
  return theirs;
}

interface StoredRecord {
  readonly format: number;
  readonly partitions: number;
  readonly hash: string;
  readonly streams: number;
  readonly id: string;
  readonly webhook_secret: string;
}

function newRecord({ partitions, usualPartitions, usualStreams }: ClusterWishes): StoredRecord {
  const count = partitions ?? usualPartitions;
  return {
    format: clusterFormat,
    partitions: count,
    hash: slotHash,
    streams: usualStreams(count),
    id: randomBytes(8).toString('hex'),
    webhook_secret: `whsec_${randomBytes(secretBytes).toString('base64')}`,
  };
}

function agreed(bytes: Uint8Array, { partitions }: Pick<ClusterWishes, 'partitions'>): ClusterRecord {
  const record = read(bytes);
  if (record.format !== clusterFormat)
    throw new StartError(`this cluster is of format ${record.format}, this version reads format ${clusterFormat}`);
  if (record.hash !== slotHash)
    throw new StartError(`this cluster spreads events by ${record.hash}, this version by ${slotHash}`);
  if (partitions !== null && partitions !== record.partitions)
    throw new StartError(
      `this cluster was made with ${record.partitions} partitions; ESCAPEMENT_PARTITIONS is ${partitions}, and the number never changes`,
    );
  return { partitions: record.partitions, streams: record.streams, id: record.id, webhookSecret: record.webhook_secret };
}

function read(bytes: Uint8Array): StoredRecord {
  try {
    const record = JSON.parse(Buffer.from(bytes).toString()) as StoredRecord;
    if (typeof record === 'object' && record !== null && Number.isInteger(record.partitions)) return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new StartError(`the cluster record in ${recordStream} cannot be read: it is no record of this program's`);
}
