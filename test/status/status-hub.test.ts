import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { EngineError } from '../../engine/kernel/errors.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { decodeCursor } from '../../engine/status/cursor.js';
import { type StatusBatch, StatusHub, type Subscription, type WatchOrder } from '../../engine/status/status-hub.js';
import { at, change, everything } from './status-changes.js';

interface Subscriber {
  readonly batches: StatusBatch[];
  subscription: Subscription | null;
}

/** A hub over 4 partitions on 2 hosts: 0 and 1 on the first, 2 and 3 on the second. */
function setup() {
  const orders: WatchOrder[] = [];
  const failures: unknown[] = [];
  const hub = new StatusHub({
    partitions: 4,
    hosts: 2,
    watch: (order) => orders.push(order),
    listenerFailed: (error) => failures.push(error),
  });
  const subscribe = (filter = everything): Subscriber => {
    const subscriber: Subscriber = { batches: [], subscription: null };
    void hub
      .subscribe(filter, (batch) => subscriber.batches.push(batch))
      .then((subscription) => {
        subscriber.subscription = subscription;
      });
    return subscriber;
  };
  const answer = (host: number, positions: Readonly<Record<number, number>>, round?: number) => {
    const newest = orders.findLast((order) => order.host === host);
    hub.watching({ host, round: round ?? newest!.round, positions: at(positions) });
  };
  const begun = async () => {
    const subscriber = subscribe();
    answer(0, { 0: 10, 1: 20 });
    answer(1, { 2: 30, 3: 40 });
    await nextTurn();
    return subscriber;
  };
  return { hub, orders, failures, subscribe, answer, begun };
}

const items = (subscriber: Subscriber) => subscriber.batches.flatMap((batch) => batch.items);
const place = (cursor: string | undefined) => decodeCursor(cursor ?? '', 4);

t.test('nothing is asked of the hosts while nobody listens', async (t) => {
  const { hub, orders } = setup();
  hub.publish([change(0, 1)]);
  hub.hostStarted(0);
  hub.refresh();
  t.same(orders, []);
});

t.test('a subscription begins when every host has answered, at the positions that they gave', async (t) => {
  const { orders, subscribe, answer } = setup();
  const subscriber = subscribe();
  t.same(
    orders.map(({ host, on }) => ({ host, on })),
    [
      { host: 0, on: true },
      { host: 1, on: true },
    ],
  );
  answer(0, { 0: 10, 1: 20 });
  await nextTurn();
  t.equal(subscriber.subscription, null);
  answer(1, { 2: 30, 3: 40 });
  await nextTurn();
  t.same(place(subscriber.subscription?.cursor), [10, 20, 30, 40]);
  t.same(subscriber.batches, []);
});

t.test('what came before the last answer is not shown, and the cursor has passed it', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  hub.publish([change(0, 9)]);
  answer(0, { 0: 10, 1: 20 });
  hub.publish([change(0, 10), change(0, 11), change(2, 31)]);
  answer(1, { 2: 30, 3: 40 });
  await nextTurn();
  t.same(place(subscriber.subscription?.cursor), [11, 20, 30, 40]);
  t.same(items(subscriber), []);
  const next = [change(0, 12), change(2, 31)];
  hub.publish([change(0, 11), ...next]);
  t.same(items(subscriber), next);
});

t.test('no batch comes before the promise, not even of changes in the same message', async (t) => {
  const { hub, answer } = setup();
  const heard: string[] = [];
  const subscribed = hub.subscribe(everything, () => heard.push('batch')).then(() => heard.push('begun'));
  answer(0, { 0: 10, 1: 20 });
  answer(1, { 2: 30, 3: 40 });
  hub.publish([change(0, 11)]);
  t.same(heard, []);
  await subscribed;
  await nextTurn();
  t.same(heard, ['begun', 'batch']);
});

t.test('a subscriber that comes later begins at once, where the others are', async (t) => {
  const { hub, begun, subscribe, orders } = setup();
  await begun();
  hub.publish([change(1, 21), change(3, 44)]);
  const later = subscribe();
  await nextTurn();
  t.same(place(later.subscription?.cursor), [10, 21, 30, 44]);
  t.equal(orders.length, 2);
});

t.test('the cursor of a batch has passed changes that did not match', async (t) => {
  const { hub, begun, subscribe } = setup();
  await begun();
  const dead = subscribe({ ...everything, status: ['DEAD'] });
  await nextTurn();
  const one = change(2, 31, { status: 'DEAD' });
  hub.publish([change(0, 11), one, change(3, 41)]);
  t.equal(dead.batches.length, 1);
  t.same(dead.batches[0]!.items, [one]);
  t.same(place(dead.batches[0]!.cursor), [11, 20, 31, 41]);
});

t.test('subscribers with equal filters get the same batch', async (t) => {
  const { hub, begun, subscribe } = setup();
  const first = await begun();
  const second = subscribe();
  await nextTurn();
  hub.publish([change(0, 11)]);
  t.equal(first.batches[0], second.batches[0]);
});

t.test('when the last one leaves the hosts are told, and what still comes is passed over', async (t) => {
  const { hub, begun, orders, subscribe, answer } = setup();
  const subscriber = await begun();
  subscriber.subscription!.close();
  subscriber.subscription!.close();
  t.same(
    orders.slice(2).map(({ host, on }) => ({ host, on })),
    [
      { host: 0, on: false },
      { host: 1, on: false },
    ],
  );
  hub.publish([change(0, 11)]);
  t.same(subscriber.batches, []);

  const next = subscribe();
  answer(0, { 0: 15, 1: 20 });
  hub.publish([change(2, 31)]);
  answer(1, { 2: 33, 3: 40 });
  await nextTurn();
  t.same(place(next.subscription?.cursor), [15, 20, 33, 40]);
  t.same(next.batches, []);
});

t.test('what was known before everybody left is not taken for the place of a later subscription', async (t) => {
  const { hub, begun, subscribe, answer } = setup();
  const first = await begun();
  first.subscription!.close();
  hub.hostStarted(1);
  const second = subscribe();
  answer(0, { 0: 10, 1: 20 });
  answer(1, { 3: 40 });
  await nextTurn();
  t.same(place(second.subscription?.cursor), [10, 20, null, 40]);
  answer(1, { 2: 35 });
  t.same(second.batches, []);
});

t.test('a host that dies after a partition of it came up may have lost its announcement: that is a gap', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  answer(0, { 0: 10, 1: 20 });
  answer(1, { 3: 40 });
  await nextTurn();
  hub.hostStarted(1);
  answer(1, { 2: 35, 3: 40 });
  t.same(place(subscriber.batches[0]?.gapFrom ?? ''), [10, 20, null, 40]);
  t.same(place(subscriber.batches[0]?.cursor), [10, 20, 35, 40]);
});

t.test('an answer to an earlier request is not taken for the answer to this one', async (t) => {
  const { hub, subscribe, answer, orders } = setup();
  const first = subscribe();
  answer(0, { 0: 10, 1: 20 });
  const lateRound = orders[1]!.round;
  answer(1, { 2: 30, 3: 40 });
  await nextTurn();
  first.subscription!.close();
  const second = subscribe();
  answer(0, { 0: 12, 1: 20 });
  answer(1, { 2: 30, 3: 40 }, lateRound);
  hub.publish([change(2, 31)]);
  await nextTurn();
  t.equal(second.subscription, null);
  answer(1, { 2: 35, 3: 40 });
  await nextTurn();
  t.same(place(second.subscription?.cursor), [12, 20, 35, 40]);
  t.same(second.batches, []);
});

t.test('a host that starts anew is asked again; new subscribers wait for it, the others go on', async (t) => {
  const { hub, begun, orders, subscribe, answer } = setup();
  const old = await begun();
  hub.hostStarted(1);
  t.match(orders.at(-1), { host: 1, on: true });
  const fresh = subscribe();
  const one = change(0, 11);
  hub.publish([one]);
  await nextTurn();
  t.same(items(old), [one]);
  t.equal(fresh.subscription, null);
  answer(1, { 2: 30, 3: 40 });
  await nextTurn();
  t.same(place(fresh.subscription?.cursor), [11, 20, 30, 40]);
  t.equal(old.batches.length, 1, 'its positions are ours: nothing was lost and nothing is said');
});

t.test('what a host had written and not sent when it died is a gap, not silence', async (t) => {
  const { hub, begun, answer } = setup();
  const subscriber = await begun();
  hub.publish([change(2, 31)]);
  hub.hostStarted(1);
  answer(1, { 2: 33, 3: 40 });
  const gap = subscriber.batches.at(-1)!;
  t.same(gap.items, []);
  t.same(place(gap.gapFrom ?? ''), [10, 20, 31, 40]);
  t.same(place(gap.cursor), [10, 20, 33, 40]);
  const next = change(2, 34);
  hub.publish([change(2, 33), next]);
  t.same(subscriber.batches.at(-1)!.items, [next]);
});

t.test('a partition that comes up later is unknown in the cursor until it is announced', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  answer(0, { 0: 10, 1: 20 });
  answer(1, { 3: 40 });
  await nextTurn();
  t.same(place(subscriber.subscription?.cursor), [10, 20, null, 40]);
  answer(1, { 2: 30 });
  t.same(subscriber.batches, [], 'nothing of it was missed');
  const one = change(2, 31);
  hub.publish([one]);
  t.same(items(subscriber), [one]);
  t.same(place(subscriber.batches[0]!.cursor), [10, 20, 31, 40]);
});

t.test('a listener that throws is closed, and the others hear the batch', async (t) => {
  const { hub, begun, failures } = setup();
  const good = await begun();
  const error = new Error('socket is closed');
  await hub.subscribe(everything, () => {
    throw error;
  });
  await nextTurn();
  hub.publish([change(0, 11)]);
  hub.publish([change(0, 12)]);
  t.same(failures, [error]);
  t.equal(items(good).length, 2);
  t.equal(hub.size, 1);
});

t.test('a listener may close others and subscribe while it hears', async (t) => {
  const { hub, begun } = setup();
  await begun();
  const shop = { ...everything, source: ['shop'] };
  const heard = { inner: [] as StatusBatch[], victim: [] as StatusBatch[], stays: [] as StatusBatch[] };
  const closing: Subscription[] = [];
  const one = change(0, 11);
  // Who names an event id is heard first.
  await hub.subscribe({ ...everything, eventId: [formatEventId(one.event)] }, () => {
    closing.pop()?.close();
    void hub.subscribe(shop, (batch) => heard.inner.push(batch));
  });
  closing.push(await hub.subscribe(shop, (batch) => heard.victim.push(batch)));
  await hub.subscribe(shop, (batch) => heard.stays.push(batch));
  await nextTurn();
  hub.publish([one]);
  await nextTurn();
  t.same(heard.victim, []);
  t.equal(heard.stays.length, 1);
  t.same(heard.inner, [], 'it began behind the change that was being heard');
});

t.test('refresh tells a quiet subscriber its place, once for each time it moved', async (t) => {
  const { hub, begun, subscribe } = setup();
  const busy = await begun();
  const quiet = subscribe({ ...everything, status: ['DEAD'] });
  await nextTurn();
  hub.refresh();
  t.same(quiet.batches, []);
  hub.publish([change(0, 11)]);
  hub.refresh();
  hub.refresh();
  t.equal(busy.batches.length, 1);
  t.equal(quiet.batches.length, 1);
  t.same(quiet.batches[0]!.items, []);
  t.same(place(quiet.batches[0]!.cursor), [11, 20, 30, 40]);
});

t.test('after 10,000 changes that did not match a subscriber knows its place', async (t) => {
  const { hub, begun, subscribe } = setup();
  await begun();
  const quiet = subscribe({ ...everything, source: ['nobody'] });
  await nextTurn();
  for (let seq = 11; seq <= 10_010; seq += 10) {
    hub.publish(Array.from({ length: 10 }, (_, index) => change(0, seq + index)));
  }
  t.ok(quiet.batches.length >= 1);
  t.ok(quiet.batches.length <= 2);
});

t.test('only so many may wait for a host that does not answer', async (t) => {
  const { hub, subscribe } = setup();
  for (let waiting = 0; waiting < 10_000; waiting++) subscribe();
  await t.rejects(
    hub.subscribe(everything, () => undefined),
    new EngineError('overloaded', '10000 subscriptions wait for an actor host'),
  );
});
