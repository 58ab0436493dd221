/**
 * How a node comes into its cluster: NATS is reached, what the cluster keeps there is made or found, and its record is agreed to.
 *
 *     link up -> buckets -> cluster record -> log streams
 *     a gateway: link up -> cluster record, as soon as another node has made it
 *
 * Servers that start together have no leader for a while, and a node may be up before they are, so this is tried for `joinMsMax`. What no time mends is
 * refused at once: a record that says something else, a stream that cannot be used.
 *
 * Main thread.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { StartError } from '../kernel/errors.js';
import { clusterPartitions, joinAgainMs, joinMsMax } from '../kernel/limits.js';
import { type NatsAddress, shownAddress } from '../nats/nats-address.js';
import type { NatsLink } from '../nats/nats-link.js';
import { StreamUnfit } from '../nats/streams.js';
import type { Logger } from '../observe/logger.js';
import { ensureBuckets } from './membership/buckets.js';
import { type ClusterRecord, findClusterRecord, openClusterRecord } from './membership/cluster-record.js';
import { ensureLogStreams, usualLogStreams } from './journal/log-streams.js';

/** A connection is made in milliseconds, so at first it is looked for often. */
const joinSoonMs = 20;

export interface JoiningParts {
  readonly link: NatsLink;
  readonly address: NatsAddress;
  /** Null: the operator has not said. */
  readonly partitions: number | null;
  /** False: it makes nothing (a gateway, whose user on NATS need not be allowed to). */
  readonly makes: boolean;
  readonly logger: Pick<Logger, 'warn'>;
  readonly withinMs?: number;
}

/** Throws StartError when it cannot be, with one line that says why. */
export async function joinCluster({
  link,
  address,
  partitions,
  makes,
  logger,
  withinMs = joinMsMax,
}: JoiningParts): Promise<ClusterRecord> {
  const since = performance.now();
  let told: string | null = null;
  for (;;) {
    const fault = await tryToJoin(link, { partitions, makes });
    if (typeof fault !== 'string') return fault;
    const where = shownAddress(address);
    if (performance.now() - since >= withinMs)
      throw new StartError(`the cluster cannot be joined: NATS at ${where}: ${fault}; is ESCAPEMENT_NATS_URL right?`);
    const isEarly = performance.now() - since < joinAgainMs;
    if (!isEarly && fault !== told) {
      logger.warn({ servers: where, fault }, 'waiting for NATS to join the cluster');
      told = fault;
    }
    await new Promise((resolve) => setTimeout(resolve, isEarly ? joinSoonMs : joinAgainMs));
  }
}

type Wishes = Pick<JoiningParts, 'partitions' | 'makes'>;

/** What time may mend comes back as a text. */
async function tryToJoin(link: NatsLink, { partitions, makes }: Wishes): Promise<ClusterRecord | string> {
  const { connection } = link;
  if (connection === null) return link.state.fault ?? 'not connected';
  try {
    if (makes) return await agree(connection, partitions);
    return (await findClusterRecord(connection, { partitions })) ?? 'no node that keeps partitions has been started yet';
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (error instanceof StreamUnfit) throw new StartError(error.message);
    return error instanceof Error ? error.message : String(error);
  }
}

async function agree(connection: NatsConnection, partitions: number | null): Promise<ClusterRecord> {
  await ensureBuckets(connection);
  const record = await openClusterRecord(connection, {
    partitions,
    usualPartitions: clusterPartitions,
    usualStreams: usualLogStreams,
  });
  await ensureLogStreams(connection, record);
  return record;
}
