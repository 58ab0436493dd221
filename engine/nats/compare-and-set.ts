/**
 * One subject of a stream as a register: read what is newest, and write only behind what was read.
 *
 * Both are the business of the stream's leader: a read is not "direct", which any replica would answer with what it has so far, and a write is judged
 * where all writes are put in order. A write without an answer may have happened or not; whoever tries again reads first.
 * A replicated stream refuses a write as soon as another one is under way, and that one cannot be read before it is applied: a read behind a refusal may show
 * what was there before.
 *
 * One of the files that know the client's packages.
 */
import { JetStreamApiCodes, JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type MsgHdrs, type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';

export interface Stored {
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

export interface SubjectAt {
  readonly stream: string;
  readonly subject: string;
}

export interface Write extends SubjectAt {
  readonly payload: Uint8Array | string;
  /** Sequence of the message that must be the newest of the subject; 0: there must be none. */
  readonly after: number;
  /** The server removes it after so long; whole seconds, rounded up. Without: never. */
  readonly ttlMs?: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** `behind`: something else is the newest. It may be an earlier try of the same write. */
export type WriteResult = { readonly kind: 'stored'; readonly sequence: number } | { readonly kind: 'behind' };

/** "Wrong last sequence", with the number and without. */
const wrongLast: readonly number[] = [JetStreamApiCodes.StreamWrongLastSequence, 10_164];

/** Rejects when it is not known whether it was written, or when the stream refuses it for another reason. */
export async function writeBehind(connection: NatsConnection, write: Write, timeout: number): Promise<WriteResult> {
  const headers = newHeaders();
  for (const [name, value] of write.headers ?? []) headers.set(name, value);
  const ttl = write.ttlMs === undefined ? {} : { ttl: `${Math.ceil(write.ttlMs / 1_000)}s` };
  const expect = { streamName: write.stream, lastSubjectSequence: write.after };
  try {
    const ack = await jetstream(connection).publish(write.subject, write.payload, { headers, expect, timeout, ...ttl });
    return { kind: 'stored', sequence: ack.seq };
  } catch (error) {
    if (error instanceof JetStreamApiError && wrongLast.includes(error.code)) return { kind: 'behind' };
    throw error;
  }
}

/** Null: the subject has no message. Rejects when the leader does not answer in time. */
export async function readNewest(
  connection: NatsConnection,
  { stream, subject }: SubjectAt,
  timeout: number,
): Promise<Stored | null> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout });
  const stored = await manager.streams.getMessage(stream, { last_by_subj: subject });
  return stored === null ? null : { sequence: stored.seq, data: stored.data, headers: stored.header };
}
