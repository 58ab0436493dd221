/** The hub by itself: hosts that answer when a test says so, a log that a test tells. What follows from all of it together is in
 *  `status-hub-model.test.ts`. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { ChangeSlice, StatusChange } from '../../engine/event/status-change.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { batchChangesMax, recentChangesMax } from '../../engine/kernel/limits.js';
import { type CursorPositions, decodeCursor, encodeCursor } from '../../engine/status/cursor.js';
import type { WatchOrder } from '../../engine/status/host-watch.js';
import type { Span } from '../../engine/status/past-changes.js';
import { StatusHub, type Subscription } from '../../engine/status/status-hub.js';
import type { StatusBatch } from '../../engine/status/subscriber.js';
import { at, change, everything } from './status-changes.js';

interface Listening {
  readonly batches: StatusBatch[];
  /** It refuses batches while this is true. */
  isFull: boolean;
  subscription: Subscription | null;
}

interface Read {
  readonly span: Span;
  readonly done: (answer: ChangeSlice | EngineError) => void;
}

/** A hub over 4 partitions on 2 hosts: 0 and 2 on the first, 1 and 3 on the second. */
function setup({ replayWindow = 1_000, aheadTicksMax = 0 } = {}) {
  const orders: WatchOrder[] = [];
  const failures: unknown[] = [];
  const reads: Read[] = [];
  const hub = new StatusHub({
    partitions: 4,
    hosts: 2,
    hostOf: (partition) => partition % 2,
    replayWindow,
    aheadTicksMax,
    watch: (order) => orders.push(order),
    read: (span, done) => reads.push({ span, done }),
    soon: setImmediate,
    listenerFailed: (error) => failures.push(error),
  });
  const subscribe = (filter = everything, cursor: CursorPositions | null = null): Listening => {
    const listening: Listening = { batches: [], isFull: false, subscription: null };
    const hear = (batch: StatusBatch) => !listening.isFull && listening.batches.push(batch) > 0;
    void hub.subscribe(filter, hear, cursor === null ? null : encodeCursor(cursor)).then((subscription) => {
      listening.subscription = subscription;
    });
    return listening;
  };
  const answer = (host: number, positions: Readonly<Record<number, number>>, round?: number) => {
    const newest = orders.findLast((order) => order.host === host);
    hub.watching({ host, round: round ?? newest!.round, positions: at(positions) });
  };
  const answerAll = async () => {
    answer(0, { 0: 10, 2: 30 });
    answer(1, { 1: 20, 3: 40 });
    await settle();
  };
  const begun = async (filter = everything) => {
    const listening = subscribe(filter);
    await answerAll();
    return listening;
  };
  /** The oldest read that has no answer. */
  const tell = async (changes: readonly StatusChange[], more: Partial<ChangeSlice> = {}) => {
    const { span, done } = reads.shift()!;
    done({ after: span.after, through: span.upTo, changes, ...more });
    await settle();
    return span;
  };
  return { hub, orders, failures, reads, subscribe, answer, answerAll, begun, tell };
}

/** Everybody who can get where the stream stands without a read is there. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

const place = (...list: (number | null)[]) => list as CursorPositions;
const items = (subscriber: Listening) => subscriber.batches.flatMap((batch) => batch.items);
const placeOf = (cursor: string | undefined) => decodeCursor(cursor ?? '', 4);
const told = (subscriber: Listening) =>
  items(subscriber)
    .map(({ partition, seq }) => `${partition}/${seq}`)
    .join(' ');

t.test('nothing is asked of the hosts while nobody listens', async (t) => {
  const { hub, orders } = setup();
  hub.publish([change(0, 1)]);
  hub.hostStarted(0);
  hub.tick();
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
  answer(0, { 0: 10, 2: 30 });
  await settle();
  t.equal(subscriber.subscription, null);
  answer(1, { 1: 20, 3: 40 });
  await settle();
  t.same(placeOf(subscriber.subscription?.cursor), [10, 20, 30, 40]);
  t.same(subscriber.batches, []);
});

t.test('what came before the last answer is not shown, and the cursor has passed it', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  hub.publish([change(0, 9)]);
  answer(0, { 0: 10, 2: 30 });
  hub.publish([change(0, 10), change(0, 11), change(1, 21)]);
  answer(1, { 1: 20, 3: 40 });
  await settle();
  t.same(placeOf(subscriber.subscription?.cursor), [11, 20, 30, 40]);
  t.equal(told(subscriber), '');
  hub.publish([change(0, 11), change(0, 12), change(1, 21)]);
  t.equal(told(subscriber), '0/12 1/21');
});

t.test('no batch comes before the promise, and what was shown meanwhile follows it', async (t) => {
  const { hub, answer } = setup();
  const heard: string[] = [];
  const hear = () => heard.push('batch') > 0;
  const subscribed = hub.subscribe(everything, hear, null).then(() => heard.push('begun'));
  answer(0, { 0: 10, 2: 30 });
  answer(1, { 1: 20, 3: 40 });
  hub.publish([change(0, 11)]);
  t.same(heard, []);
  await subscribed;
  await settle();
  t.same(heard, ['begun', 'batch']);
});

t.test('a subscriber that comes later begins at once, where the stream stands', async (t) => {
  const { hub, begun, subscribe, orders } = setup();
  await begun();
  hub.publish([change(1, 21), change(3, 44)]);
  const later = subscribe();
  await settle();
  t.same(placeOf(later.subscription?.cursor), [10, 21, 30, 44]);
  t.equal(told(later), '');
  t.equal(orders.length, 2);
});

t.test('the cursor of a batch has passed changes that did not match', async (t) => {
  const { hub, begun } = setup();
  const dead = await begun({ ...everything, status: ['DEAD'] });
  const one = change(2, 31, { status: 'DEAD' });
  hub.publish([change(0, 11), one, change(3, 41)]);
  t.equal(dead.batches.length, 1);
  t.same(dead.batches[0]!.items, [one]);
  t.same(placeOf(dead.batches[0]!.cursor), [11, 20, 31, 41]);
  t.same(placeOf(dead.subscription!.place()), [11, 20, 31, 41]);
});

t.test('subscribers with equal filters get the same batch', async (t) => {
  const { hub, begun, subscribe } = setup();
  const first = await begun();
  const second = subscribe();
  await settle();
  hub.publish([change(0, 11)]);
  t.equal(first.batches[0], second.batches[0]);
});

t.test('a large message is cut, and each batch has a cursor of its own', async (t) => {
  const { hub, begun } = setup();
  const subscriber = await begun();
  hub.publish(Array.from({ length: batchChangesMax + 1 }, (_, index) => change(0, 11 + index)));
  t.same(
    subscriber.batches.map(({ items, cursor }) => [items.length, placeOf(cursor)![0]]),
    [
      [batchChangesMax, 10 + batchChangesMax],
      [1, 11 + batchChangesMax],
    ],
  );
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
  answer(0, { 0: 15, 2: 30 });
  hub.publish([change(1, 21)]);
  answer(1, { 1: 23, 3: 40 });
  await settle();
  t.same(placeOf(next.subscription?.cursor), [15, 23, 30, 40]);
  t.same(next.batches, []);
});

t.test('an answer to an earlier request is not taken for the answer to this one', async (t) => {
  const { hub, subscribe, answer, answerAll, orders } = setup();
  const first = subscribe();
  await answerAll();
  const lateRound = orders[1]!.round;
  first.subscription!.close();
  const second = subscribe();
  answer(0, { 0: 12, 2: 30 });
  answer(1, { 1: 20, 3: 40 }, lateRound);
  hub.publish([change(1, 21)]);
  await settle();
  t.equal(second.subscription, null);
  answer(1, { 1: 25, 3: 40 });
  await settle();
  t.same(placeOf(second.subscription?.cursor), [12, 25, 30, 40]);
  t.same(second.batches, []);
});

// ---- going on from a cursor ----

t.test('whoever comes with a cursor hears from the log what lies behind it, then what is shown', async (t) => {
  const { hub, subscribe, answerAll, reads, tell } = setup();
  const subscriber = subscribe(everything, place(7, 20, 30, 38));
  await answerAll();
  t.same(placeOf(subscriber.subscription?.cursor), [7, 20, 30, 38]);
  t.match(reads, [{ span: { partition: 0, after: 7, upTo: 10 } }], 'what it is furthest behind in comes first');
  hub.publish([change(0, 11), change(3, 41)]);
  t.equal(told(subscriber), '');
  await tell([change(0, 8), change(0, 10)]);
  t.equal(told(subscriber), '0/8 0/10');
  t.same(placeOf(subscriber.subscription!.place()), [10, 20, 30, 38]);
  t.match(reads, [{ span: { partition: 3, after: 38, upTo: 41 } }]);
  await tell([change(3, 39)], { through: 40 as never });
  t.equal(told(subscriber), '0/8 0/10 3/39 0/11 3/41', 'the rest was shown lately');
  hub.publish([change(0, 12)]);
  t.equal(told(subscriber), '0/8 0/10 3/39 0/11 3/41 0/12');
  t.same(reads, []);
});

t.test('a cursor that lies within what was shown lately needs no log', async (t) => {
  const { hub, begun, subscribe, reads } = setup();
  await begun();
  hub.publish([change(0, 11), change(1, 21)]);
  hub.publish([change(0, 12), change(1, 22)]);
  const back = subscribe({ ...everything }, place(11, 20, 30, 40));
  await settle();
  t.equal(told(back), '1/21 0/12 1/22');
  t.same(reads, []);
});

t.test('what is kept of what was shown is bounded; before that it is read', async (t) => {
  const { hub, begun, subscribe, reads } = setup({ replayWindow: 100_000 });
  await begun();
  for (let seq = 11; seq <= recentChangesMax + 1_000; seq += 500) {
    hub.publish(Array.from({ length: 500 }, (_, index) => change(0, seq + index)));
  }
  subscribe(everything, place(11, 20, 30, 40));
  await settle();
  t.match(reads, [{ span: { partition: 0, after: 11 } }]);
});

t.test('a filter holds for the past as well, and cursors pass what did not match', async (t) => {
  const { hub, subscribe, answerAll, tell } = setup();
  const subscriber = subscribe({ ...everything, status: ['DEAD'] }, place(5, 20, 30, 40));
  await answerAll();
  await tell([change(0, 6), change(0, 8, { status: 'DEAD' }), change(0, 9)]);
  t.equal(told(subscriber), '0/8');
  t.same(placeOf(subscriber.batches[0]!.cursor), [10, 20, 30, 40]);
  hub.publish([change(0, 11, { status: 'DEAD' })]);
  t.equal(told(subscriber), '0/8 0/11');
});

t.test('those who read the same place wait for one read', async (t) => {
  const { subscribe, answerAll, reads, tell } = setup();
  const [one, other, third] = [5, 5, 7].map((from) => subscribe(everything, place(from, 20, 30, 40)));
  await answerAll();
  t.equal(reads.length, 1);
  await tell([6, 7, 8, 9, 10].map((seq) => change(0, seq)));
  t.equal(told(one!), '0/6 0/7 0/8 0/9 0/10');
  t.equal(told(other!), told(one!));
  t.equal(told(third!), '0/8 0/9 0/10');
  const late = subscribe(everything, place(8, 20, 30, 40));
  await settle();
  t.equal(told(late), '0/9 0/10', 'what was read is kept for a while');
  t.same(reads, []);
});

t.test('each host is asked for one slice at a time', async (t) => {
  const { subscribe, answerAll, reads, tell } = setup();
  for (const list of [place(1, 20, 30, 40), place(10, 20, 3, 40), place(10, 5, 30, 40)]) subscribe(everything, list);
  await answerAll();
  t.match(
    reads.map(({ span }) => span.partition),
    [0, 1],
  );
  await tell([]);
  t.match(
    reads.map(({ span }) => span.partition),
    [1, 2],
  );
});

t.test('a place that has left the replay window is left with a gap', async (t) => {
  const { subscribe, answerAll, tell } = setup({ replayWindow: 4 });
  const subscriber = subscribe(everything, place(3, 20, 27, 40));
  await answerAll();
  t.match(subscriber.batches, [{ items: [] }]);
  t.same(placeOf(subscriber.batches[0]!.gapFrom!), [3, 20, 27, 40]);
  t.same(placeOf(subscriber.batches[0]!.cursor), [6, 20, 27, 40]);
  await tell([7, 8, 9, 10].map((seq) => change(0, seq)));
  await tell([change(2, 28)]);
  t.equal(told(subscriber), '0/7 0/8 0/9 0/10 2/28');
});

t.test('where others may have told more already, who comes with a later cursor waits until that is shown here', async (t) => {
  const { hub, subscribe, begun, answerAll } = setup({ aheadTicksMax: 2 });
  await begun();
  const cursor = [12, 20, 30, 40] as CursorPositions[number][];
  const listening = subscribe(everything, cursor);
  await settle();
  hub.publish([change(0, 11), change(1, 21)]);
  hub.tick();
  await settle();
  t.same(listening.batches, [], 'not even of other partitions: its place is one');
  hub.publish([change(0, 12), change(0, 13)]);
  hub.tick();
  await settle();
  t.same(
    listening.batches.flatMap(({ items }) => items.map(({ partition, seq }) => [partition, seq])),
    [
      [1, 21],
      [0, 13],
    ],
    'nothing twice',
  );
  t.ok(listening.batches.every(({ gapFrom }) => gapFrom === null));
  await answerAll();
});

t.test('if it is not shown in time it is left with a gap, as of a log that has lost its end', async (t) => {
  const { hub, subscribe, begun } = setup({ aheadTicksMax: 2 });
  await begun();
  const listening = subscribe(everything, [12, 20, 30, 40] as CursorPositions[number][]);
  await settle();
  hub.tick();
  await settle();
  t.same(listening.batches, []);
  hub.tick();
  await settle();
  t.equal(listening.batches.length, 1);
  t.ok(listening.batches[0]!.gapFrom !== null);
});

t.test('a cursor of a log that went further than this one is left with a gap', async (t) => {
  const { subscribe, answerAll } = setup();
  const subscriber = subscribe(everything, place(10, 25, 30, 40));
  await answerAll();
  t.same(placeOf(subscriber.batches[0]!.gapFrom!), [10, 25, 30, 40]);
  t.same(placeOf(subscriber.batches[0]!.cursor), [10, 20, 30, 40]);
});

t.test('what the log cannot tell is a gap, and what follows is told', async (t) => {
  const { subscribe, answerAll, tell } = setup();
  const subscriber = subscribe(everything, place(5, 20, 30, 40));
  await answerAll();
  await tell([], { after: 7 as never, through: 7 as never });
  t.same(
    subscriber.batches.map(({ gapFrom, cursor }) => [gapFrom && placeOf(gapFrom)![0], placeOf(cursor)![0]]),
    [[5, 7]],
  );
  await tell([change(0, 8)]);
  t.equal(told(subscriber), '0/8');
});

t.test('a text that is no cursor of this stream is refused', async (t) => {
  const { hub, orders } = setup();
  for (const text of ['', 'now', 'x', encodeCursor(place(1, 2, 3))]) {
    await t.rejects(
      hub.subscribe(everything, () => true, text),
      { code: 'invalid' },
    );
  }
  t.same(orders, []);
});

// ---- hosts that come and go ----

t.test('a host that starts anew is asked again; new subscribers wait for it, the others go on', async (t) => {
  const { hub, begun, orders, subscribe, answer } = setup();
  const old = await begun();
  hub.hostStarted(1);
  t.match(orders.at(-1), { host: 1, on: true });
  const fresh = subscribe();
  hub.publish([change(0, 11)]);
  await settle();
  t.equal(told(old), '0/11');
  t.equal(fresh.subscription, null);
  answer(1, { 1: 20, 3: 40 });
  await settle();
  t.same(placeOf(fresh.subscription?.cursor), [11, 20, 30, 40]);
  t.equal(old.batches.length, 1, 'its positions are ours: nothing was lost and nothing is said');
});

t.test('what a host had written and not sent when it died is told from the log', async (t) => {
  const { hub, begun, answer, tell } = setup();
  const subscriber = await begun();
  hub.publish([change(1, 21)]);
  hub.hostStarted(1);
  answer(1, { 1: 23, 3: 40 });
  hub.publish([change(1, 24), change(0, 11)]);
  await settle();
  t.equal(told(subscriber), '1/21', 'what is shown waits for what comes before it');
  t.match(await tell([change(1, 22), change(1, 23)], { through: 23 as never }), { partition: 1, after: 21 });
  t.equal(told(subscriber), '1/21 1/22 1/23 1/24 0/11');
  hub.publish([change(1, 23), change(1, 25)]);
  t.equal(told(subscriber), '1/21 1/22 1/23 1/24 0/11 1/25');
});

t.test(
  'a partition that refuses to be read does not hold up the others, and goes on from its place when it is back',
  async (t) => {
    const { hub, subscribe, answerAll, answer, reads, tell } = setup();
    const subscriber = subscribe(everything, place(10, 15, 30, 40));
    await answerAll();
    reads.shift()!.done(new EngineError('partition-unavailable', 'it is replayed'));
    await settle();
    hub.publish([change(0, 11)]);
    t.equal(told(subscriber), '0/11');
    t.same(placeOf(subscriber.batches[0]!.cursor), [11, 15, 30, 40]);
    t.equal(subscriber.subscription!.behind(), 5);
    answer(1, { 1: 20 });
    await settle();
    await tell([change(1, 16), change(1, 20)]);
    hub.publish([change(1, 21)]);
    t.equal(told(subscriber), '0/11 1/16 1/20 1/21');
  },
);

t.test('what was on its way when a partition refused to be read is heard behind what comes before it', async (t) => {
  const { hub, subscribe, answerAll, answer, reads, tell } = setup();
  const subscriber = subscribe(everything, place(10, 15, 30, 40));
  await answerAll();
  reads.shift()!.done(new EngineError('partition-unavailable', 'it is replayed'));
  await settle();
  hub.publish([change(1, 21)]);
  t.same(subscriber.batches, [], 'not before those from 16 on');
  hub.publish([change(1, 22), change(0, 11)]);
  t.equal(told(subscriber), '0/11');
  t.same(placeOf(subscriber.batches[0]!.cursor), [11, 15, 30, 40]);
  answer(1, { 1: 22 });
  await settle();
  await tell([change(1, 16), change(1, 21), change(1, 22)]);
  hub.publish([change(1, 23)]);
  t.equal(told(subscriber), '0/11 1/16 1/21 1/22 1/23');
});

t.test('a refusal that is older than the announcement is no reason to wait for another', async (t) => {
  const { hub, subscribe, answerAll, answer, reads, tell } = setup();
  const subscriber = subscribe(everything, place(10, 15, 30, 40));
  await answerAll();
  answer(1, { 1: 20 });
  reads.shift()!.done(new EngineError('partition-unavailable', 'it is replayed'));
  await settle();
  hub.publish([change(1, 21)]);
  await tell([change(1, 16)]);
  t.equal(told(subscriber), '1/16 1/21');
});

t.test('a read that failed for another reason is tried again a little later', async (t) => {
  const { hub, subscribe, answerAll, reads, tell } = setup();
  const subscriber = subscribe(everything, place(5, 20, 30, 40));
  await answerAll();
  reads.shift()!.done(new EngineError('overloaded', 'too much'));
  await settle();
  t.same(reads, []);
  hub.tick();
  await settle();
  await tell([change(0, 6)]);
  t.equal(told(subscriber), '0/6');
});

t.test('a partition that comes up later is unknown in the cursor until it is announced', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  answer(0, { 0: 10, 2: 30 });
  answer(1, { 3: 40 });
  await settle();
  t.same(placeOf(subscriber.subscription?.cursor), [10, null, 30, 40]);
  answer(1, { 1: 20 });
  t.same(subscriber.batches, [], 'nothing of it was missed');
  hub.publish([change(1, 21)]);
  t.equal(told(subscriber), '1/21');
  t.same(placeOf(subscriber.batches[0]!.cursor), [10, 21, 30, 40]);
});

t.test('whoever knew more of a partition that has not come up goes on from there when it does', async (t) => {
  const { hub, subscribe, answer, tell } = setup();
  const subscriber = subscribe(everything, place(10, 17, 30, 40));
  answer(0, { 0: 10, 2: 30 });
  answer(1, { 3: 40 });
  await settle();
  hub.publish([change(0, 11)]);
  t.same(placeOf(subscriber.batches[0]!.cursor), [11, 17, 30, 40]);
  answer(1, { 1: 20 });
  hub.publish([change(1, 21)]);
  await settle();
  await tell([change(1, 18)], { through: 20 as never });
  t.equal(told(subscriber), '0/11 1/18 1/21');
});

t.test('a cursor from a time when a partition was unknown says nothing of it: that is a gap', async (t) => {
  const { subscribe, answerAll } = setup();
  const subscriber = subscribe(everything, place(10, null, 30, 40));
  await answerAll();
  t.same(placeOf(subscriber.batches[0]!.gapFrom!), [10, null, 30, 40]);
  t.same(placeOf(subscriber.batches[0]!.cursor), [10, 20, 30, 40]);
});

t.test('a host that dies after a partition of it came up may have lost its announcement: that is a gap', async (t) => {
  const { hub, subscribe, answer } = setup();
  const subscriber = subscribe();
  answer(0, { 0: 10, 2: 30 });
  answer(1, { 3: 40 });
  await settle();
  hub.hostStarted(1);
  answer(1, { 1: 25, 3: 40 });
  await settle();
  t.same(placeOf(subscriber.batches[0]?.gapFrom ?? ''), [10, null, 30, 40]);
  t.same(placeOf(subscriber.batches[0]?.cursor), [10, 25, 30, 40]);
});

// ---- listeners that cannot take more ----

t.test('whoever refuses a batch rests at the place before it, and goes on from there', async (t) => {
  const { hub, begun, subscribe, reads, tell } = setup({ replayWindow: 100_000 });
  const slow = await begun();
  const quick = subscribe();
  await settle();
  hub.publish([change(0, 11)]);
  slow.isFull = true;
  hub.publish([change(0, 12), change(1, 21)]);
  slow.isFull = false;
  hub.publish([change(0, 13)]);
  t.equal(told(slow), '0/11');
  t.equal(told(quick), '0/11 0/12 1/21 0/13');
  t.same(placeOf(slow.subscription!.place()), [11, 20, 30, 40]);
  t.equal(slow.subscription!.behind(), 3);
  slow.subscription!.resume();
  slow.subscription!.resume();
  await settle();
  t.equal(told(slow), told(quick));
  t.same(reads, []);
  hub.publish([change(0, 14)]);
  t.equal(told(slow), told(quick));

  slow.isFull = true;
  hub.publish([change(0, 15)]);
  for (let seq = 16; seq < 16 + recentChangesMax; seq += 500) {
    hub.publish(Array.from({ length: 500 }, (_, index) => change(2, seq + index + 30)));
  }
  slow.isFull = false;
  slow.subscription!.resume();
  await settle();
  t.match(reads, [{ span: { partition: 2, after: 30 } }], 'too far back for what was shown lately: from the log');
  await tell([change(2, 46)]);
  t.match(reads, [{ span: { partition: 0, after: 14 } }]);
  await tell([change(0, 15)]);
  t.match(told(slow), /0\/14 2\/46 0\/15$/);
  t.equal(slow.subscription!.behind(), 0);
});

t.test('one that refuses while it catches up rests there', async (t) => {
  const { subscribe, answerAll, tell, reads } = setup();
  const slow = subscribe(everything, place(5, 20, 30, 40));
  await answerAll();
  slow.isFull = true;
  await tell([change(0, 6), change(0, 10)]);
  t.same(slow.batches, []);
  t.same(placeOf(slow.subscription!.place()), [5, 20, 30, 40]);
  slow.isFull = false;
  slow.subscription!.resume();
  await settle();
  t.equal(told(slow), '0/6 0/10');
  t.same(reads, []);
});

t.test('a place that was rested at until it left the window is left with a gap', async (t) => {
  const { hub, begun } = setup({ replayWindow: 10 });
  const slow = await begun();
  slow.isFull = true;
  hub.publish([change(0, 11)]);
  hub.publish([change(0, 50)]);
  slow.isFull = false;
  slow.subscription!.resume();
  await settle();
  t.same(placeOf(slow.batches[0]!.gapFrom!), [10, 20, 30, 40]);
  t.same(placeOf(slow.batches[0]!.cursor), [40, 20, 30, 40]);
});

t.test('a listener that throws is closed, and the others hear the batch', async (t) => {
  const { hub, begun, failures } = setup();
  const good = await begun();
  const error = new Error('socket is closed');
  await hub.subscribe(
    everything,
    () => {
      throw error;
    },
    null,
  );
  await settle();
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
  const into = (batches: StatusBatch[]) => (batch: StatusBatch) => batches.push(batch) > 0;
  const closing: Subscription[] = [];
  const one = change(0, 11);
  // Who names an event id is heard first.
  const first = (): boolean => {
    closing.pop()?.close();
    void hub.subscribe(shop, into(heard.inner), null);
    return true;
  };
  await hub.subscribe({ ...everything, eventId: [formatEventId(one.event)] }, first, null);
  closing.push(await hub.subscribe(shop, into(heard.victim), null));
  await hub.subscribe(shop, into(heard.stays), null);
  await settle();
  hub.publish([one]);
  await settle();
  t.same(heard.victim, []);
  t.equal(heard.stays.length, 1);
  t.same(heard.inner, [], 'it began behind the change that was being heard');
});

t.test('after 10,000 changes that did not match a subscriber hears its place, live or catching up', async (t) => {
  const { hub, begun, subscribe, tell } = setup({ replayWindow: 100_000 });
  const quiet = await begun({ ...everything, source: ['nobody'] });
  for (let seq = 11; seq <= 10_010; seq += 10) {
    hub.publish(Array.from({ length: 10 }, (_, index) => change(0, seq + index)));
  }
  t.ok(quiet.batches.length >= 1 && quiet.batches.length <= 2);
  t.same(quiet.batches[0]!.items, []);

  const late = subscribe({ ...everything, source: ['nobody'] }, place(10, 20, 30, 40));
  await settle();
  await tell(
    Array.from({ length: 6_000 }, (_, index) => change(0, 11 + index)),
    { through: 6_010 as never },
  );
  t.same(late.batches.map(({ cursor, items }) => [placeOf(cursor)![0], items.length]).at(0), [6_010, 0]);
});

t.test('only so many may wait for a host that does not answer', async (t) => {
  const { hub, subscribe } = setup();
  for (let waiting = 0; waiting < 10_000; waiting++) subscribe();
  await t.rejects(
    hub.subscribe(everything, () => true, null),
    new EngineError('overloaded', '10000 subscriptions wait for an actor host'),
  );
});
