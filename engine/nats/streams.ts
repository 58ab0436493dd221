/**
 * The streams that Escapement keeps on NATS, and how it makes sure of them: made when they are not there, left as they are when they are.
 *
 * An operator may have set limits, replicas or placement, so of a stream that exists only what the promises rest on is looked at. A new one has three
 * replicas where the servers are a cluster, and waits for the third server if that has never been there: made with fewer it would stay so, and
 * nobody would notice before a disk is lost. On a server alone it has one. A stream that is full refuses what comes (`discard: new`): a producer
 * hears of it, while dropping the oldest would lose what it was told is safe.
 *
 * One of the files that know the client's packages.
 */
import {
  AckPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { ingestAckWaitMs, ingestAcksMax } from '../kernel/limits.js';

/** A stream that is there but cannot be used as it is; the message says what to do. */
export class StreamUnfit extends Error {
  override readonly name = 'StreamUnfit';
}

export const ingestStream = 'ESCAPEMENT_INGEST';
export const ingestSubject = 'escapement.ingest';
export const ingestConsumer = 'escapement';
export const rejectedSubject = 'escapement.rejected';
export const deadSubject = 'escapement.dead';
export const statusSubject = 'escapement.status';
export const progressStream = 'ESCAPEMENT_PROGRESS';
export const progressSubject = 'escapement.progress';

const dayMs = 86_400_000;
const apiMsMax = 5_000;

/** Of a stream that is there only what is in `lookedAt` must be so. */
export type StreamNeeds = Pick<StreamConfig, 'name' | 'subjects' | 'retention' | 'discard'> & Partial<StreamConfig>;

const ingest: StreamNeeds = {
  name: ingestStream,
  subjects: [ingestSubject, `${ingestSubject}.>`],
  retention: RetentionPolicy.Workqueue,
  discard: DiscardPolicy.New,
  duplicate_window: nanos(300_000),
};

const rejected: StreamNeeds = {
  name: 'ESCAPEMENT_REJECTED',
  subjects: [rejectedSubject],
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_age: nanos(dayMs),
};

const dead: StreamNeeds = {
  name: 'ESCAPEMENT_DEAD',
  subjects: [`${deadSubject}.>`],
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_age: nanos(7 * dayMs),
};

/** How far each engine has told of its events: the newest word under each subject. */
const progress: StreamNeeds = {
  name: progressStream,
  subjects: [`${progressSubject}.>`],
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_msgs_per_subject: 1,
};

/** What dead letters need. Throws as `ensureIngest`. */
export async function ensureDeadLetters(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
  await ensureStream(manager, dead);
  await ensureStream(manager, progress);
}

/** What `progress.ts` needs. Throws as `ensureIngest`. */
export async function ensureProgress(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
  await ensureStream(manager, progress);
}

/** What ingestion needs. Throws StreamUnfit, and what the server or the connection has against it. */
export async function ensureIngest(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
  await ensureStream(manager, ingest);
  await ensureStream(manager, rejected);
  await manager.consumers.add(ingestStream, {
    durable_name: ingestConsumer,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ingestAckWaitMs),
    max_ack_pending: ingestAcksMax,
    max_deliver: -1,
  });
}

/** Made when it is not there. Throws StreamUnfit when it is there and cannot be used. */
export async function ensureStream(manager: JetStreamManager, needs: StreamNeeds): Promise<void> {
  const there = await find(manager, needs.name);
  if (there === null) await make(manager, needs);
  else checkFits(there, needs);
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | null> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
}

/** "Replicas need a cluster": the server is alone. */
const isAlone = 10_074;
/** "No suitable peers": fewer than three servers have ever been there, or have room. */
const noPeers = 10_005;

async function make(manager: JetStreamManager, needs: StreamNeeds): Promise<void> {
  const config = { storage: StorageType.File, ...needs };
  try {
    await manager.streams.add({ ...config, num_replicas: 3 });
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    if (error.code === noPeers)
      throw new Error(
        `the stream ${needs.name} is to have three replicas, and there are no three servers for it (${error.message}). Start them, or make it with fewer yourself`,
        { cause: error },
      );
    if (error.code !== isAlone) throw error;
    await manager.streams.add({ ...config, num_replicas: 1 });
  }
}

/** What promises may rest on, and what is said of a stream where it is not as it must be. */
const lookedAt = {
  retention: (found, needed) => `its retention is ${found}, not ${needed}`,
  discard: (found, needed) => `it discards ${found} messages, not ${needed} ones`,
  storage: (found, needed) => `its messages are kept in ${found}, not ${needed}`,
  max_age: (found) => `it drops messages after ${Number(found) / 1e9} s`,
  max_msgs_per_subject: (found) => `it keeps only ${found} messages of a subject`,
  allow_msg_ttl: () => 'its messages do not end by themselves (allow_msg_ttl)',
  allow_direct: () => 'it may be read from a copy that lags behind (allow_direct)',
} as const satisfies Partial<Record<keyof StreamConfig, (found: unknown, needed: unknown) => string>>;

function checkFits(there: StreamConfig, needs: StreamNeeds): void {
  const wrong = needs.subjects
    .filter((subject) => !there.subjects.includes(subject))
    .map((subject) => `it does not take ${subject}`);
  for (const [name, tell] of Object.entries(lookedAt) as [keyof typeof lookedAt, (found: unknown, needed: unknown) => string][]) {
    const needed = needs[name];
    // A server leaves out what is not set.
    const found = there[name] ?? (name.startsWith('allow_') ? false : undefined);
    if (needed !== undefined && found !== needed) wrong.push(tell(found, needed));
  }
  if (wrong.length > 0)
    throw new StreamUnfit(
      `the stream ${needs.name} cannot be used: ${wrong.join('; ')}. Correct it, or remove it and it is made anew`,
    );
}
