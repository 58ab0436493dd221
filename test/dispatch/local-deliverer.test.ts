import t from 'tap';
import { LocalDeliverer, type LocalDelivery, type LocalHandler } from '../../engine/dispatch/local-deliverer.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { deliveryOf, noon } from './fixtures.js';

const local = (fields: Partial<EventSpec> = {}) =>
  deliveryOf({ attempt: 2, spec: { deliveryType: 'LOCAL', destination: 'orders', ...fields } }, 1.5);

async function deliverAll(handlers: Record<string, LocalHandler>, ...specs: Partial<EventSpec>[]) {
  const deliverer = new LocalDeliverer(handlers);
  return Promise.all(specs.map((spec) => deliverer.deliver(local(spec))));
}

t.test('a handler is told what it needs to know', async (t) => {
  const seen: LocalDelivery[] = [];
  const deliverer = new LocalDeliverer({ orders: (batch) => void seen.push(...batch) });
  const payload = Buffer.from('{"n": 1.0}');
  const delivery = local({
    externalJobId: 'o-1',
    source: 'shop',
    type: 'order.due',
    payload,
    tags: [
      ['region', 'eu'],
      ['__proto__', 'x'],
    ],
  });
  t.same(await deliverer.deliver(delivery), {
    kind: 'delivered',
    unhealthy: false,
    statusCode: null,
    error: null,
    responseBody: null,
    retryAfterMs: null,
  });
  const [shown] = seen as [LocalDelivery];
  t.same(
    { ...shown, tags: null, payload: null },
    {
      id: formatEventId(delivery.attempt.event),
      externalJobId: 'o-1',
      source: 'shop',
      type: 'order.due',
      destination: 'orders',
      attempt: 2,
      scheduledAt: new Date(noon),
      lagMs: 1.5,
      payload: null,
      tags: null,
    },
  );
  t.ok(payload.equals(shown.payload!));
  t.same(
    Object.entries(shown.tags),
    [
      ['region', 'eu'],
      ['__proto__', 'x'],
    ],
    'a tag is a tag, whatever its name (F28)',
  );
});

t.test('attempts of one turn are one batch for each handler, in order', async (t) => {
  const batches: string[] = [];
  const noting =
    (name: string): LocalHandler =>
    (batch) =>
      void batches.push(`${name} ${batch.map(({ source }) => source).join()}`);
  const handlers = { orders: noting('orders'), mails: noting('mails') };
  const deliverer = new LocalDeliverer(handlers);
  const turn = (...specs: Partial<EventSpec>[]) => Promise.all(specs.map((spec) => deliverer.deliver(local(spec))));
  await turn({ source: 'a' }, { source: 'b', destination: 'mails' }, { source: 'c' }, { source: 'd' });
  await turn({ source: 'e' });
  t.same(batches, ['orders a,c,d', 'mails b', 'orders e']);
});

t.test('results belong to the deliveries at their places', async (t) => {
  const results = await deliverAll(
    { orders: async () => [{ ok: true }, { ok: false, error: 'no such order' }, { ok: true }] },
    {},
    {},
    {},
  );
  t.same(
    results.map(({ kind, error, unhealthy }) => [kind, error, unhealthy]),
    [
      ['delivered', null, false],
      ['failed', 'no such order', false],
      ['delivered', null, false],
    ],
  );
});

t.test('a handler that throws or rejects fails its whole batch with its message', async (t) => {
  const throwing = () => {
    throw new Error('database is down');
  };
  for (const handler of [
    throwing,
    () => Promise.reject(new Error('database is down')),
    () => Promise.reject('database is down'),
  ]) {
    const results = await deliverAll({ orders: handler, mails: () => undefined }, {}, {}, { destination: 'mails' });
    t.same(
      results.map(({ kind, error }) => [kind, error]),
      [
        ['failed', 'database is down'],
        ['failed', 'database is down'],
        ['delivered', null],
      ],
    );
  }
});

t.test('too few or too many results fail the batch: nobody knows whose they are', async (t) => {
  for (const count of [0, 1, 3]) {
    const results = await deliverAll({ orders: () => Array.from({ length: count }, () => ({ ok: true }) as const) }, {}, {});
    for (const { error } of results) t.equal(error, `the handler returned ${count} results for 2 deliveries`);
  }
});

t.test('a name without a handler is a failed attempt, also names that every object has', async (t) => {
  for (const destination of ['nobody', 'toString', '__proto__', 'constructor']) {
    const [result] = await deliverAll({ orders: () => undefined }, { destination });
    t.equal(result!.error, `no handler named "${destination}" is registered`);
  }
});

t.test('an attempt whose time is up has failed, and what the handler says later changes nothing', async (t) => {
  let finish: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const deliverer = new LocalDeliverer({ orders: () => slow });
  const results = [deliverer.deliver(local({ timeoutMs: 100 })), deliverer.deliver(local({ timeoutMs: 60_000 }))];
  const late = await results[0];
  t.same([late!.kind, late!.error, late!.unhealthy], ['failed', 'timed out after 100 ms', true]);
  finish();
  t.equal((await results[1])!.kind, 'delivered', 'each has its own time');
});

t.test('a long message is cut', async (t) => {
  const [result] = await deliverAll({ orders: () => Promise.reject(new Error('x'.repeat(1_000_000))) }, {});
  t.equal(result!.error!.length, 1_000);
});
