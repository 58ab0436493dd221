/**
 * What the events of a message take from the message itself.
 *
 * Its key makes a second delivery harmless: the producer's `Nats-Msg-Id`, else the message's own place in the stream. The place alone would not do:
 * a stream that was restored or made anew gives the same sequences to other messages, and these would be taken for repeats. So the instant at
 * which the server stored the message belongs to it. What comes again under that key is the same bytes, so these are what its events are compared
 * by, once for all of them; a producer may give its own id to another message with the same events, which are compared one by one.
 */
import { createHash, hash } from 'node:crypto';
import { type Clock, fingerprintBytes, type InletMessage } from '../../engine/index.js';
import { ingestStream, ingestSubject } from '../../engine/nats-tools.js';
import type { DestinationCheck } from '../input/fields/destination.js';
import type { EventContext } from '../input/event-input.js';
import { type Refusal, refuse } from '../input/refusal.js';
import { readTraceparent } from '../input/fields/traceparent.js';

const source = /^[A-Za-z0-9._:-]{1,128}$/;
/** What an `Idempotency-Key` may be, less room for an index. */
const key = /^[\x20-\x7e]{1,240}$/;

/** The context of all of them; each has its place in the array behind the key. */
export function contextOf(
  message: InletMessage,
  { clock, destinations }: { readonly clock: Clock; readonly destinations: DestinationCheck },
): EventContext | Refusal {
  const named = message.subject.slice(ingestSubject.length + 1);
  if (named !== '' && !source.test(named)) {
    return refuse('invalid', 'what follows in the subject must be a source: 1 to 128 of A-Z a-z 0-9 . _ : -');
  }
  return {
    nowMs: Math.ceil(clock.wallMs()),
    askedAtMs: message.storedAtMs,
    ...keyOf(message),
    traceparent: readTraceparent(message.header('traceparent')),
    destinations,
    ...(named === '' ? {} : { source: named }),
  };
}

function keyOf(message: InletMessage): Pick<EventContext, 'idempotencyKey' | 'fingerprint'> {
  const given = message.header('Nats-Msg-Id');
  if (given === null) {
    const { sequence, storedAtNanos, data } = message;
    return { idempotencyKey: `${ingestStream}:${sequence}:${storedAtNanos}`, fingerprint: fingerprintOf(data) };
  }
  return { idempotencyKey: key.test(given) ? given : `sha256:${createHash('sha256').update(given).digest('hex')}` };
}

function fingerprintOf(data: Buffer): string {
  return hash('sha256', data, 'binary').slice(0, fingerprintBytes);
}
