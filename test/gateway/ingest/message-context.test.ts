import t from 'tap';
import type { Clock, InletMessage } from '../../../engine/index.js';
import { contextOf } from '../../../gateway/ingest/message-context.js';
import type { EventContext } from '../../../gateway/input/event-input.js';
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import { isRefusal } from '../../../gateway/input/refusal.js';

const parts = { clock: { wallMs: () => 1_795_000_000_000 } as Clock, destinations: new DestinationCheck(() => null) };

function contextOfMessage(text: string, { sequence = 7, id = '' } = {}): EventContext {
  const message: InletMessage = {
    subject: 'escapement.ingest',
    data: Buffer.from(text),
    sequence,
    storedAtMs: 1_795_000_000_000,
    storedAtNanos: '1795000000000000001',
    deliveries: 1,
    header: (name) => (name === 'Nats-Msg-Id' && id !== '' ? id : null),
    done: () => undefined,
    again: () => undefined,
  };
  const context = contextOf(message, parts);
  if (isRefusal(context)) throw new Error(context.detail);
  return context;
}

t.test('what comes again in its place in the stream is told by its bytes', async (t) => {
  const first = contextOfMessage('[1]');
  const again = contextOfMessage('[1]');
  t.equal(again.idempotencyKey, first.idempotencyKey);
  t.equal(again.fingerprint, first.fingerprint);
  t.equal(first.fingerprint!.length, 16);
  t.not(contextOfMessage('[2]').fingerprint, first.fingerprint, 'a stream made anew, at the very same instant');
  t.not(contextOfMessage('[1]', { sequence: 8 }).idempotencyKey, first.idempotencyKey);
});

t.test('under the id of a producer its events are compared, as they may be written in another way', async (t) => {
  const { idempotencyKey, fingerprint } = contextOfMessage('[1]', { id: 'order-17' });
  t.equal(idempotencyKey, 'order-17');
  t.equal(fingerprint, undefined);
});
