/**
 * What can never be accepted is not lost without a word: it is published to `escapement.rejected`, with the reason and the event itself, where it
 * is kept for a day.
 *
 *     {"subject":"escapement.ingest.orders","sequence":17,"message_id":null,"stored_at":"…",
 *      "rejected":[{"index":3,"code":"invalid","detail":"…","retryable":false,"errors":[…],"event":{…}}]}
 *
 * Of a message that cannot be read at all the bytes are there instead, as `message_base64`. Many rejected events of one message are spread over as
 * many publishes as they need; an event that fits into none is left out (`"event":null`).
 */
import { type InletMessage, type PublishResult, type Publisher, rejectedBytesMax, rejectMsMax } from '../../engine/index.js';
import { rejectedSubject } from '../../engine/nats-tools.js';
import { renderRefusal } from '../handler/batch-results.js';
import { formatInstant } from '../input/fields/instant.js';
import type { RejectedEvent } from './rejected-events.js';

export interface Rejections {
  readonly message: InletMessage;
  /** In the order of the message. */
  readonly events: readonly RejectedEvent[];
  /** The message could not be read, so there is one rejection for all of it. */
  readonly isUnreadable: boolean;
}

/** Why it could not be published; null when it is safe. */
export async function publishRejections(rejections: Rejections, publisher: Publisher): Promise<string | null> {
  const parts = partsOf(rejections);
  const { message, events } = rejections;
  const results = await Promise.all(
    parts.map((part, number) =>
      publisher.publish(
        {
          subject: rejectedSubject,
          payload: Buffer.from(part),
          headers: [
            ['content-type', 'application/json'],
            ['escapement-reason', events[0]!.refusal.code],
          ],
          // The same when the message comes once more.
          messageId: `${message.sequence}:${message.storedAtNanos}:${number}`,
        },
        rejectMsMax,
      ),
    ),
  );
  return results.map(faultOf).find((fault) => fault !== null) ?? null;
}

function faultOf(result: PublishResult): string | null {
  return result.kind === 'stored' ? null : result.error;
}

function partsOf({ message, events, isUnreadable }: Rejections): string[] {
  const head = headOf(message);
  if (isUnreadable) {
    const base64 = message.data.length * 2 <= rejectedBytesMax ? JSON.stringify(message.data.toString('base64')) : 'null';
    return [`{${head},"rejected":[${entryOf(events[0]!)}],"message_base64":${base64}}`];
  }
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const rejected of events) {
    const entry = entryOf(rejected);
    bytes += entry.length;
    if (bytes > rejectedBytesMax && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = entry.length;
    }
    parts.at(-1)!.push(entry);
  }
  return parts.map((entries) => `{${head},"rejected":[${entries.join(',')}]}`);
}

function headOf(message: InletMessage): string {
  const { subject, sequence, storedAtMs } = message;
  const fields = { subject, sequence, message_id: message.header('Nats-Msg-Id'), stored_at: formatInstant(storedAtMs) };
  return JSON.stringify(fields).slice(1, -1);
}

function entryOf({ index, refusal, event }: RejectedEvent): string {
  const shown = event !== null && event.length <= rejectedBytesMax ? event.toString() : 'null';
  return `${renderRefusal(index, refusal).slice(0, -1)},"event":${shown}}`;
}
