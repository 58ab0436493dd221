/** New events whose memory is let go of behind them. */
import t from 'tap';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { bodyOf, newId, start, TestHost } from './host-fixture.js';
import { sheafOf } from './sheaves.js';

const partition = 0 as PartitionId;
const payload = Buffer.from(JSON.stringify({ text: 'x'.repeat(1_000) }));
const soon = { scheduledAtMs: (start + 100) as WallMs, payload };
const later = { scheduledAtMs: (start + 3_600_000) as WallMs, payload };

/** As they come from the main thread. */
function send({ host }: TestHost, requests: readonly HostRequest[]): Uint8Array {
  const memory = encodeMessages(requests);
  host.fromRouter(decodeMessages<HostRequest>(memory), memory);
  return memory;
}

/** More than is left to the collector. */
const tenOf = (fields: Parameters<typeof bodyOf>[0]) =>
  Array.from({ length: 10 }, () => ({ event: newId(0), body: bodyOf(fields) }));
const idsOf = (events: readonly { readonly event: Uint8Array }[]) => events.map(({ event }) => formatEventId(event));

t.test('it is gone when they have been received, and nothing is missing: log, attempts, status changes, answers', async (t) => {
  const test = TestHost.ready();
  test.host.fromRouter([{ op: 'watch', on: true, round: 1 }]);
  test.settle();
  const keyed = { ...later, source: 'orders', externalJobId: 'order-1' };
  const [first, again] = [
    { event: newId(0), body: bodyOf(keyed) },
    { event: newId(0), body: bodyOf(keyed) },
  ];
  const events = [...tenOf(later), ...tenOf(soon), first, again, ...tenOf(later)];
  const memory = send(test, [sheafOf(1_000, partition, events.slice(0, 15)), sheafOf(2_000, partition, events.slice(15))]);
  t.not(memory.length, 0);
  test.turn();
  t.equal(memory.length, 0);
  test.settle();
  const isNew = events.filter((each) => each !== again);
  t.same(idsOf(test.durableOf(0)), idsOf(isNew));
  for (const { body } of test.durableOf(0)) t.same(decodeSpec(body).payload, payload);
  t.same(idsOf(test.changes), idsOf(isNew));
  t.match(test.replyTo(2_006), { op: 'replayed', view: { id: first.event } });
  t.match(test.replyTo(2_007), { op: 'accepted' });
  test.advance(200);
  test.grantAll();
  test.settle();
  t.same(idsOf(test.starts()).sort(), idsOf(events.slice(10, 20)).sort());
});

t.test('it is gone though they have to wait for a replay', async (t) => {
  const test = new TestHost();
  test.host.start();
  test.turn();
  const events = tenOf(later);
  const memory = send(test, [sheafOf(1_000, partition, events)]);
  test.turn();
  t.equal(memory.length, 0);
  t.same(test.replies, []);
  test.settle();
  t.same(idsOf(test.durableOf(0)), idsOf(events));
});

t.test('it stays where other requests came with them', async (t) => {
  const test = TestHost.ready();
  const events = tenOf(later);
  const memory = send(test, [
    sheafOf(1_000, partition, events),
    { op: 'cancel', request: 2_000, partition, event: events[0]!.event },
  ]);
  test.settle();
  t.not(memory.length, 0);
  t.match(test.replyTo(2_000), { op: 'event', view: { status: 'CANCELLED' } });
});
