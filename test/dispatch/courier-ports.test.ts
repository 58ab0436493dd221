import { MessageChannel } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { decodeReplies, encodeRequests } from '../../engine/dispatch/courier-mail.js';
import { type CourierPorts, runCourierOn } from '../../engine/dispatch/courier-ports.js';
import { LocalDeliverer } from '../../engine/dispatch/local-deliverer.js';
import type { CourierReply, CourierRequest } from '../../engine/dispatch/protocol.js';
import { SystemTiming } from '../../engine/dispatch/timing.js';
import { mostGrownOld } from '../support/old-generation.js';
import { attemptOf, nothingSet } from './fixtures.js';

function setup(t: Test, { breaker }: { readonly breaker: boolean }) {
  const batches: number[] = [];
  const failures: unknown[] = [];
  const ports: CourierPorts = runCourierOn({
    options: {
      originConcurrency: 1_000,
      attemptsInFlightMax: 4_000,
      breaker,
      originsMax: 10,
      partitions: 1,
      recoveryRate: 1_000,
    },
    deliverer: new LocalDeliverer({ sink: (batch) => void batches.push(batch.length) }),
    timing: new SystemTiming(),
    failed: (_host, error) => failures.push(error),
  });
  ports.courier.receive(0, [nothingSet]);
  const { port1, port2 } = new MessageChannel();
  ports.attach(0, port2);
  t.teardown(async () => {
    await ports.close();
    port1.close();
  });
  const ask = (...requests: CourierRequest[]) => {
    const bytes = encodeRequests(requests);
    port1.postMessage(bytes, [bytes.buffer]);
  };
  const heard = (): Promise<CourierReply[]> =>
    new Promise((resolve) => port1.once('message', (bytes: Uint8Array) => resolve(decodeReplies(bytes))));
  return { ports, ask, heard, batches, failures };
}

const local = (): CourierRequest => ({
  op: 'start',
  attempt: attemptOf({ spec: { deliveryType: 'LOCAL', destination: 'sink' } }),
});

t.test(
  'attempts that arrive in one message are one batch for the handler and one message back, with and without a breaker',
  async (t) => {
    for (const breaker of [true, false]) {
      const { ask, heard, batches } = setup(t, { breaker });
      ask({ op: 'want', origin: 'local:sink', lane: 'regular', count: 500 });
      t.same(await heard(), [{ op: 'grant', origin: 'local:sink', lane: 'regular', count: 500 }]);
      ask(...Array.from({ length: 500 }, local));
      const replies = await heard();
      t.equal(replies.filter((reply) => reply.op === 'outcome' && reply.outcome.kind === 'delivered').length, 500);
      t.same(batches, [500]);
    }
  },
);

t.test('a host that breaks the protocol is reported, and the thread goes on', async (t) => {
  const { ask, heard, failures } = setup(t, { breaker: false });
  ask(local());
  ask({ op: 'want', origin: 'local:sink', lane: 'regular', count: 1 });
  t.same(await heard(), [{ op: 'grant', origin: 'local:sink', lane: 'regular', count: 1 }]);
  t.match(failures, [{ name: 'InvariantError' }]);
});

t.test('a host that is attached again starts without slots', async (t) => {
  const { ports, ask, heard } = setup(t, { breaker: false });
  ask({ op: 'want', origin: 'local:sink', lane: 'regular', count: 7 });
  await heard();
  t.equal(ports.courier.taken, 7);
  const { port1, port2 } = new MessageChannel();
  ports.attach(0, port2);
  t.equal(ports.courier.taken, 0);
  t.teardown(() => port1.close());
});

t.test('attempts and their outcomes die young', async (t) => {
  const { ask, heard } = setup(t, { breaker: true });
  // 400 bytes of each if they do not, 13 to 16 MB.
  const grownBytes = await mostGrownOld(400, async () => {
    ask({ op: 'want', origin: 'local:sink', lane: 'regular', count: 100 });
    await heard();
    ask(...Array.from({ length: 100 }, local));
    await heard();
  });
  t.ok(grownBytes < 6_000_000, `${grownBytes} bytes`);
});
