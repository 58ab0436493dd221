/**
 * The two key-value buckets of a cluster: its record, and the sessions of its nodes.
 *
 * A bucket is a stream that keeps one message for each key, under `$KV.<bucket>.<key>`, so any key-value client reads it. Sessions go by themselves, each
 * with the time to live that came with its newest renewal; the server leaves a marker then, so that those who watch are told. Reads are answered by the
 * leader only: a replica that lags behind would show a session that is gone, or not yet one that lives.
 *
 * One of the files that know the client's packages.
 */
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { readNewest, type Stored, writeBehind } from '../../nats/compare-and-set.js';
import { ensureStream, type StreamNeeds } from '../../nats/streams.js';

export const recordStream = 'KV_ESCAPEMENT_CLUSTER';
export const recordSubject = '$KV.ESCAPEMENT_CLUSTER.cluster';
export const sessionStream = 'KV_ESCAPEMENT_SESSIONS';
const sessionPrefix = '$KV.ESCAPEMENT_SESSIONS.node.';
export const sessionPattern = `${sessionPrefix}*`;

export function sessionSubject(session: string): string {
  return `${sessionPrefix}${session}`;
}

export function sessionOfSubject(subject: string): string {
  return subject.slice(sessionPrefix.length);
}

const apiMsMax = 5_000;
/** How long the server remembers that a session has ended; for watchers, who are told at once. */
const markerMs = 60_000;

const bucket = {
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 1,
  allow_rollup_hdrs: true,
  allow_direct: false,
} as const satisfies Partial<StreamNeeds>;

const record: StreamNeeds = { ...bucket, name: recordStream, subjects: ['$KV.ESCAPEMENT_CLUSTER.>'], deny_delete: true };

const sessions: StreamNeeds = {
  ...bucket,
  name: sessionStream,
  subjects: ['$KV.ESCAPEMENT_SESSIONS.>'],
  deny_delete: true,
  allow_msg_ttl: true,
  subject_delete_marker_ttl: nanos(markerMs),
};

/**
 * Ends a session whose newest message is at `after`: whoever sees it need not wait for the time to live, and it can be renewed no more. False: it was renewed
 * meanwhile, or has ended. Rejects when it is not known.
 */
export async function endSession(
  connection: NatsConnection,
  { session, after }: { readonly session: string; readonly after: number },
  timeout: number,
): Promise<boolean> {
  const headers = [['KV-Operation', 'DEL']] as const;
  const at = { stream: sessionStream, subject: sessionSubject(session) };
  return (await writeBehind(connection, { ...at, payload: '', after, ttlMs: markerMs, headers }, timeout)).kind === 'stored';
}

/** Every session that has not ended by the leader's word, and some that have ended lately. Rejects when it does not answer in time. */
export async function listSessions(connection: NatsConnection, timeout: number): Promise<readonly string[]> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout });
  const { state } = await manager.streams.info(sessionStream, { subjects_filter: sessionPattern });
  return Object.keys(state.subjects ?? {}).map(sessionOfSubject);
}

/** Null: nobody has written it, or not even its bucket is there. Rejects when the leader does not answer in time. */
export async function readRecord(connection: NatsConnection, timeout: number): Promise<Stored | null> {
  try {
    return await readNewest(connection, { stream: recordStream, subject: recordSubject }, timeout);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
}

/** Throws StreamUnfit, and what the server or the connection has against it. */
export async function ensureBuckets(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
  await ensureStream(manager, record);
  await ensureStream(manager, sessions);
}
