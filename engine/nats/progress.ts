/**
 * How far something has come, remembered by NATS itself: the newest message under a subject of its own. What is told to NATS is told from there on
 * after a crash, so it is remembered where it was told, and behind it: the same can be told twice, nothing is left out.
 *
 * One of the files that know the client's packages.
 */
import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Publisher } from './publisher.js';
import { progressStream, progressSubject } from './streams.js';

const saveMsMax = 5_000;
const loadMsMax = 5_000;

/** `of`: the end of a subject. Null: nothing was remembered, or too long ago. */
export async function loadProgress(
  connection: NatsConnection,
  { of, ageMsMax = Number.POSITIVE_INFINITY }: { readonly of: string; readonly ageMsMax?: number },
): Promise<string | null> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: loadMsMax });
  try {
    const stored = await manager.streams.getMessage(progressStream, { last_by_subj: `${progressSubject}.${of}` });
    const isRemembered = stored !== null && Date.now() - stored.time.getTime() <= ageMsMax;
    return isRemembered ? Buffer.from(stored.data).toString() : null;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound) return null;
    throw error;
  }
}

/** Whether it is remembered. */
export async function saveProgress(
  publisher: Publisher,
  { of, text }: { readonly of: string; readonly text: string },
): Promise<boolean> {
  const message = { subject: `${progressSubject}.${of}`, payload: Buffer.from(text), headers: [], messageId: `${of}:${text}` };
  return (await publisher.publish(message, saveMsMax)).kind === 'stored';
}
