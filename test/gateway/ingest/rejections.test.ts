import t from 'tap';
import type { InletMessage } from '../../../engine/index.js';
import type { NatsMessage, Publisher, PublishResult } from '../../../engine/nats/publisher.js';
import { publishRejections } from '../../../gateway/ingest/rejections.js';
import { refuse } from '../../../gateway/input/refusal.js';

function setup(result: PublishResult = { kind: 'stored', isDuplicate: false }) {
  const published: NatsMessage[] = [];
  const publisher = {
    publish: async (message: NatsMessage) => {
      published.push(message);
      return result;
    },
  } as unknown as Publisher;
  const message = {
    subject: 'escapement.ingest.a',
    data: Buffer.from('[…]'),
    sequence: 7,
    storedAtMs: Date.UTC(2026, 10, 20),
    storedAtNanos: '1763596800000000000',
    deliveries: 1,
    header: () => null,
  } as unknown as InletMessage;
  const bodies = () => published.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as { rejected: unknown[] });
  return { published, publisher, message, bodies };
}

const refusal = refuse('invalid', 'priority must be 0 to 9');

t.test('many rejected events are spread over messages that fit, each under an id that a repeat has too', async (t) => {
  const { published, publisher, message, bodies } = setup();
  const event = Buffer.from(JSON.stringify({ payload: 'x'.repeat(200_000) }));
  const events = Array.from({ length: 8 }, (_, index) => ({ index, refusal, event }));
  t.equal(await publishRejections({ message, events, isUnreadable: false }, publisher), null);
  t.same(
    bodies().map(({ rejected }) => rejected.length),
    [3, 3, 2],
  );
  t.ok(published.every(({ payload }) => payload.length < 1024 * 1024 - 64 * 1024));
  t.same(
    published.map(({ messageId }) => messageId),
    [0, 1, 2].map((part) => `7:1763596800000000000:${part}`),
  );
  t.match(published[0], { subject: 'escapement.rejected', headers: [[], ['escapement-reason', 'invalid']] });
});

t.test('an event that fits into no message is left out, its reason is not', async (t) => {
  const { publisher, message, bodies } = setup();
  const event = Buffer.from(JSON.stringify('x'.repeat(900_000)));
  await publishRejections({ message, events: [{ index: 0, refusal, event }], isUnreadable: false }, publisher);
  t.match(bodies(), [
    {
      subject: 'escapement.ingest.a',
      sequence: 7,
      rejected: [{ index: 0, code: 'invalid', errors: [{ pointer: '' }], event: null }],
    },
  ]);
});

t.test('what could not be published is said', async (t) => {
  const { publisher, message } = setup({ kind: 'timed-out', error: 'timed out after 10000 ms', mayBeStored: true });
  const events = [{ index: 0, refusal, event: null }];
  t.equal(await publishRejections({ message, events, isUnreadable: true }, publisher), 'timed out after 10000 ms');
});
