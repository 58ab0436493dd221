import t, { type Test } from 'tap';
import type { Attempt, Outcome } from '../../engine/event/attempt.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { Courier, type CourierOptions } from '../../engine/dispatch/courier.js';
import { delivered, withheld } from '../../engine/dispatch/deliverer.js';
import type { CourierReply, CourierRequest } from '../../engine/dispatch/protocol.js';
import { TestLease } from '../support/test-lease.js';
import { attemptOf, HeldDeliverer, ManualTiming, nothingSet, noon, refused, unhealthy } from './fixtures.js';

const origin = 'http://receiver.test';
const quiet = 'http://quiet.test';

function setup(t: Test, options: Partial<CourierOptions> = {}, lease: TestLease | null = null) {
  const timing = new ManualTiming();
  const deliverer = new HeldDeliverer();
  let replies: { host: number; reply: CourierReply }[] = [];
  const courier = new Courier({
    options: {
      originConcurrency: 2,
      attemptsInFlightMax: 100,
      breaker: false,
      originsMax: 100,
      partitions: 1,
      recoveryRate: 1_000,
      ...options,
    },
    deliverer,
    timing,
    lease,
    send: (host, batch) => replies.push(...batch.map((reply) => ({ host, reply }))),
  });
  courier.receive(0, [nothingSet]);
  t.teardown(() => courier.close());
  /** What was said since the last call, as short lines. */
  const heard = async (): Promise<string[]> => {
    await timing.turn();
    const lines = replies.map(({ host, reply }) => line(host, reply));
    replies = [];
    return lines;
  };
  const ask = (host: number, ...requests: CourierRequest[]): Promise<string[]> => {
    courier.receive(host, requests);
    return heard();
  };
  return { timing, deliverer, courier, heard, ask };
}

function line(host: number, reply: CourierReply): string {
  switch (reply.op) {
    case 'grant':
      return `${host}: grant ${reply.count} at ${reply.origin}`;
    case 'advance':
      return `${host}: one in advance at ${reply.origin}`;
    case 'recall':
      return `${host}: recall at ${reply.origin}`;
    case 'waiting':
      return `${host}: waiting for ${reply.reason} at ${reply.origin}`;
    case 'outcome':
      return `${host}: ${reply.outcome.kind} ${reply.outcome.attempt}`;
    case 'unstarted':
      return `${host}: unstarted`;
    case 'running':
      return `${host}: running ${reply.attempts.map(({ attempt }) => attempt).join()}`;
  }
}

const want = (count: number, at = origin): CourierRequest => ({ op: 'want', origin: at, lane: 'regular', count });
const start = (fields: Parameters<typeof attemptOf>[0] = {}): CourierRequest => ({ op: 'start', attempt: attemptOf(fields) });

t.test('slots are granted up to the concurrency, the rest waits and is granted as attempts end', async (t) => {
  const { ask, heard, deliverer, courier } = setup(t);
  t.same(await ask(0, want(3)), ['0: grant 2 at http://receiver.test', '0: waiting for concurrency at http://receiver.test']);
  t.same(await ask(0, start({ attempt: 1 }), start({ attempt: 2 })), []);
  t.equal(deliverer.held.length, 2);
  deliverer.end(delivered);
  t.same(await heard(), ['0: delivered 1', '0: grant 1 at http://receiver.test', '0: waiting for null at http://receiver.test']);
  t.equal(courier.taken, 2);
});

t.test('a slot that is given back goes to whoever waits', async (t) => {
  const { ask, courier } = setup(t);
  await ask(0, want(2));
  t.same(await ask(1, want(1)), ['1: waiting for concurrency at http://receiver.test']);
  t.same(await ask(0, { op: 'release', origin, lane: 'regular', count: 1 }), [
    '1: grant 1 at http://receiver.test',
    '1: waiting for null at http://receiver.test',
  ]);
  t.equal(courier.taken, 2);
});

t.test('taking back more wishes than are open leaves none, and the slots granted meanwhile can be released', async (t) => {
  const { ask, courier } = setup(t);
  await ask(0, want(5));
  t.same(await ask(0, { op: 'unwant', origin, lane: 'regular', count: 5 }), ['0: waiting for null at http://receiver.test']);
  t.same(await ask(0, { op: 'release', origin, lane: 'regular', count: 2 }), []);
  t.equal(courier.taken, 0);
});

t.test('nothing starts once the lease of the node is over, and its slot is free again', async (t) => {
  const lease = new TestLease();
  const { ask, deliverer, courier } = setup(t, {}, lease);
  await ask(0, want(2));
  await ask(0, start());
  lease.isAhead = false;
  t.match(await ask(0, start()), ['0: unstarted']);
  t.equal(courier.running, 1, 'what had started goes on');
  deliverer.end();
});

t.test('what could leave only when the lease was over has not started, and is counted nowhere', async (t) => {
  const lease = new TestLease();
  const { ask, heard, deliverer, courier } = setup(t, {}, lease);
  await ask(0, want(1));
  await ask(0, start());
  const [{ delivery }] = deliverer.held as [(typeof deliverer.held)[number]];
  t.ok(delivery.mayLeave());
  lease.isAhead = false;
  t.notOk(delivery.mayLeave());
  deliverer.end(withheld);
  t.match(await heard(), ['0: unstarted']);
  t.equal(courier.running, 0);
});

t.test('what was decided in a session that is over does not start in the next one, nor leave', async (t) => {
  const lease = new TestLease();
  const { ask, heard, deliverer } = setup(t, {}, lease);
  await ask(0, want(2));
  await ask(0, start());
  const [{ delivery }] = deliverer.held as [(typeof deliverer.held)[number]];
  lease.term = 1;
  t.notOk(delivery.mayLeave(), 'connected meanwhile');
  deliverer.end(withheld);
  await heard();
  t.match(await ask(0, start()), ['0: unstarted'], 'its message is older than the lease');
  await ask(0, { op: 'term', term: 1 }, want(1));
  await ask(0, start());
  t.equal(deliverer.held.length, 1);
  deliverer.end();
});

t.test('a host that comes in the place of another one begins with no session', async (t) => {
  const lease = new TestLease();
  const { ask, courier, deliverer } = setup(t, {}, lease);
  await ask(0, { op: 'term', term: 7 }, want(1));
  courier.hostGone(0);
  await ask(0, want(1));
  await ask(0, start());
  t.equal(deliverer.held.length, 1);
  deliverer.end();
});

t.test('hosts at one origin take turns', async (t) => {
  const { ask, heard, deliverer } = setup(t, { originConcurrency: 1 });
  await ask(0, want(100));
  await ask(1, want(2));
  await ask(2, want(2));
  await ask(0, start());
  const served: string[] = [];
  for (let round = 0; round < 6; round++) {
    deliverer.end();
    const grant = (await heard()).find((text) => text.includes('grant'))!;
    served.push(grant[0]!);
    await ask(Number(grant[0]), start());
  }
  t.same(served, ['1', '2', '0', '1', '2', '0']);
});

t.test('origins take turns at the limit over all origins', async (t) => {
  const { ask, heard, deliverer } = setup(t, { originConcurrency: 10, attemptsInFlightMax: 3 });
  await ask(0, want(10));
  await ask(0, start(), start(), start());
  t.same(await ask(1, want(2, quiet)), [`1: waiting for concurrency at ${quiet}`]);
  deliverer.end();
  t.same(
    (await heard()).filter((text) => text.includes('grant')),
    ['0: grant 1 at http://receiver.test'],
  );
  await ask(0, start());
  deliverer.end();
  t.same(
    (await heard()).filter((text) => text.includes('grant')),
    [`1: grant 1 at ${quiet}`],
    'one each',
  );
});

t.test('a destination that never answers delays no other (F22)', async (t) => {
  const { ask, heard, deliverer } = setup(t, { originConcurrency: 4, attemptsInFlightMax: 1_000 });
  await ask(0, want(500));
  await ask(0, ...Array.from({ length: 4 }, () => start()));
  const others = Array.from({ length: 99 }, (_, n) => `http://other-${n}.test`);
  const granted = await ask(0, ...others.map((at) => want(2, at)));
  t.equal(granted.filter((text) => text.includes('grant 2')).length, 99, 'every other origin has its slots in the same turn');
  const attempts = others.flatMap((at) => [1, 2].map(() => start({ spec: { destination: at } })));
  await ask(0, ...attempts);
  for (const { delivery, end } of deliverer.held) if (delivery.attempt.origin !== origin) end(delivered);
  t.equal((await heard()).filter((text) => text.includes('delivered')).length, 198);
});

t.test('each attempt ends in one outcome that says when it began and how late', async (t) => {
  const timing = new ManualTiming();
  const deliverer = new HeldDeliverer();
  const outcomes: Outcome[] = [];
  const courier = new Courier({
    options: { originConcurrency: 1, attemptsInFlightMax: 1, breaker: true, originsMax: 1, partitions: 1, recoveryRate: 1_000 },
    deliverer,
    timing,
    send: (_host, replies) => outcomes.push(...replies.flatMap((reply) => (reply.op === 'outcome' ? [reply.outcome] : []))),
  });
  courier.receive(0, [nothingSet]);
  const attempt = attemptOf({ attempt: 3, partition: 7, dueAtMs: noon - 12 });
  courier.receive(0, [want(1)]);
  await timing.turn();
  courier.receive(0, [{ op: 'start', attempt }]);
  await timing.advance(40);
  deliverer.end({ ...refused, retryAfterMs: 9_000, responseBody: Buffer.from('no') });
  await timing.turn();
  t.same(outcomes, [
    {
      partition: 7,
      event: attempt.event,
      attempt: 3,
      kind: 'failed',
      startedAtMs: noon,
      durationMs: 40,
      lagMs: 12,
      statusCode: 404,
      error: 'HTTP 404',
      responseBody: Buffer.from('no'),
      retryAfterMs: 9_000,
    },
  ]);
});

t.test('a deliverer that throws, and a body that cannot be read, are failed attempts and free their slots', async (t) => {
  const timing = new ManualTiming();
  const errors: (string | null)[] = [];
  const courier = new Courier({
    options: { originConcurrency: 2, attemptsInFlightMax: 2, breaker: true, originsMax: 1, partitions: 1, recoveryRate: 1_000 },
    deliverer: {
      deliver: () => {
        throw new Error('defect');
      },
      close: async () => undefined,
    },
    timing,
    send: (_host, replies) => errors.push(...replies.flatMap((reply) => (reply.op === 'outcome' ? [reply.outcome.error] : []))),
  });
  courier.receive(0, [nothingSet]);
  courier.receive(0, [want(2)]);
  await timing.turn();
  const unreadable: Attempt = { ...attemptOf(), spec: new Uint8Array(3) };
  courier.receive(0, [start(), { op: 'start', attempt: unreadable }]);
  await timing.turn();
  t.equal(errors[0], 'internal: defect');
  t.match(errors[1]!, /^internal: body of an accepted record/);
  t.equal(courier.running, 0);
  t.equal(courier.taken, 1, 'the next one, in advance');
});

t.test('nothing starts before its time, also when the clock is set back after it was granted (F10)', async (t) => {
  const { ask, deliverer, timing } = setup(t);
  await ask(0, want(1));
  await ask(0, start({ dueAtMs: noon + 30 }));
  t.equal(deliverer.held.length, 0);
  await timing.advance(20);
  timing.stepWall(-15);
  await timing.advance(10);
  t.equal(deliverer.held.length, 0, 'its timer was up, its time was not');
  await timing.advance(14);
  t.equal(deliverer.held.length, 0);
  await timing.advance(1);
  t.equal(deliverer.held.length, 1);
  t.equal(deliverer.held[0]!.delivery.lagMs, 0);
});

t.test('what waits here for its time is not begun when its partition has stopped meanwhile, and its slot is free', async (t) => {
  const { ask, courier, deliverer, timing } = setup(t);
  await ask(0, want(2));
  await ask(0, start({ dueAtMs: noon + 30 }), start({ dueAtMs: noon + 30, partition: 1 }));
  const said = await ask(0, { op: 'call-off', partition: 1 as PartitionId });
  t.same(said, []);
  await timing.advance(30);
  t.same(
    deliverer.held.map(({ delivery }) => delivery.attempt.partition),
    [0],
  );
  t.equal(courier.running, 1);
  deliverer.end(delivered);
  await timing.turn();
  t.equal(courier.running, 0);
});

t.test('while the circuit is open events wait, then one probe goes, then all', async (t) => {
  const { ask, heard, deliverer, timing } = setup(t, { originConcurrency: 4, breaker: true });
  await ask(0, want(31));
  for (let ended = 0; ended < 20; ended++) {
    await ask(0, start());
    deliverer.end(unhealthy);
    const said = await heard();
    if (ended === 19) {
      t.same(said, ['0: failed 1', '0: waiting for breaker at http://receiver.test'], 'the twentieth failure opens it');
    }
  }
  t.same(await ask(0, start(), start(), start()), [], 'what was granted before still runs');
  for (let late = 0; late < 3; late++) deliverer.end(unhealthy);
  t.same(await heard(), ['0: failed 1', '0: failed 1', '0: failed 1']);
  await timing.advance(4_999);
  t.same(await heard(), []);
  await timing.advance(1);
  t.same(await heard(), ['0: grant 1 at http://receiver.test'], 'one probe');
  t.same(
    await ask(0, { op: 'release', origin, lane: 'regular', count: 1 }),
    ['0: grant 1 at http://receiver.test'],
    'its event was cancelled: the next',
  );
  t.same(await ask(0, start()), [], 'nothing beside a probe that runs');
  deliverer.end(unhealthy);
  t.same(await heard(), ['0: failed 1']);
  await timing.advance(9_999);
  t.same(await heard(), [], 'twice as long');
  await timing.advance(1);
  t.same(await heard(), ['0: grant 1 at http://receiver.test']);
  await ask(0, start());
  deliverer.end(delivered);
  t.same(await heard(), [
    '0: delivered 1',
    '0: grant 4 at http://receiver.test',
    '0: waiting for concurrency at http://receiver.test',
  ]);
});

t.test('without a breaker failures change nothing', async (t) => {
  const { ask, heard, deliverer } = setup(t, { originConcurrency: 1, breaker: false });
  await ask(0, want(100));
  for (let ended = 0; ended < 50; ended++) {
    await ask(0, start());
    deliverer.end(unhealthy);
    t.same(await heard(), ['0: failed 1', '0: grant 1 at http://receiver.test']);
  }
});

t.test('a host that is gone leaves its slots, and the outcomes of its attempts are dropped', async (t) => {
  const { ask, heard, deliverer, courier } = setup(t, { originConcurrency: 3 });
  await ask(0, want(5));
  await ask(0, start({ attempt: 1 }));
  await ask(1, want(4));
  courier.hostGone(0);
  t.same(await heard(), ['1: grant 2 at http://receiver.test'], 'the two it had not used');
  deliverer.end();
  t.same(await heard(), ['1: grant 1 at http://receiver.test'], 'and the third when its attempt ended, without an outcome');
  t.equal(courier.taken, 3);
});

t.test('who asks what runs of a partition gets its outcomes', async (t) => {
  const { ask, heard, deliverer, courier } = setup(t, { originConcurrency: 10 });
  await ask(0, want(3));
  await ask(0, start({ attempt: 1, partition: 5 }), start({ attempt: 2, partition: 6 }), start({ attempt: 3, partition: 5 }));
  courier.hostGone(0);
  t.same(
    await ask(0, { op: 'running?', partition: 5 as PartitionId }),
    ['0: running 1,3'],
    'the successor under the same number',
  );
  t.same(await ask(1, { op: 'running?', partition: 9 as PartitionId }), ['1: running ']);
  for (let ended = 0; ended < 3; ended++) deliverer.end();
  t.same(await heard(), ['0: delivered 1', '0: delivered 3'], 'nobody asked for partition 6');
});

t.test('a host that uses slots that it does not have is stopped', async (t) => {
  const { courier, ask } = setup(t);
  await ask(0, want(1));
  t.throws(() => courier.receive(1, [start()]), {
    name: 'InvariantError',
    message: 'host 1 started an attempt at http://receiver.test without a slot',
  });
  t.throws(() => courier.receive(0, [{ op: 'release', origin, lane: 'regular', count: 2 }]), { name: 'InvariantError' });
});

t.test('a drain grants nothing and waits for what runs', async (t) => {
  const { ask, heard, deliverer, courier } = setup(t);
  await ask(0, want(3));
  await ask(0, start({ attempt: 1 }), start({ attempt: 2 }));
  let left: number | null = null;
  const drained = courier.drain(10_000).then((count) => (left = count));
  deliverer.end();
  t.same(await heard(), ['0: delivered 1'], 'its slot is not given away');
  t.equal(left, null);
  deliverer.end();
  t.equal(await drained, 0);
  t.same(await heard(), ['0: delivered 2']);
});

t.test('a drain ends in time, and what it left has no outcome', async (t) => {
  const { ask, heard, deliverer, courier, timing } = setup(t);
  await ask(0, want(1));
  await ask(0, start());
  const drained = courier.drain(10_000);
  await timing.advance(10_000);
  t.equal(await drained, 1);
  await courier.close();
  t.ok(deliverer.closed);
  deliverer.end();
  t.same(await heard(), []);
});

t.test('closing leaves no timer behind', async (t) => {
  const { ask, courier, deliverer, timing } = setup(t, { breaker: true, originConcurrency: 30 });
  await ask(0, want(21));
  await ask(0, ...Array.from({ length: 20 }, () => start()), start({ dueAtMs: noon + 1_000 }));
  for (let ended = 0; ended < 20; ended++) deliverer.end(unhealthy);
  await timing.turn();
  t.equal(timing.timers, 2, 'an open circuit and an attempt that waits');
  await courier.close();
  t.equal(timing.timers, 0);
});

t.test('idle origins are forgotten, the longest idle first; busy ones never', async (t) => {
  const { ask, courier } = setup(t, { originsMax: 10, attemptsInFlightMax: 10_000 });
  await ask(0, want(5));
  for (let n = 0; n < 1_000; n++) {
    const at = `http://origin-${n}.test`;
    await ask(0, want(1, at));
    await ask(0, { op: 'release', origin: at, lane: 'regular', count: 1 });
  }
  t.equal(courier.figures.origins, 10);
  t.throws(
    () => courier.receive(0, [{ op: 'release', origin, lane: 'regular', count: 3 }]),
    'the busy one is known: it holds two',
  );
});

t.test('a host that has started something holds the next slot in advance, while half of them are free', async (t) => {
  const { ask, heard, deliverer, courier } = setup(t, { originConcurrency: 4 });
  await ask(0, want(1));
  t.same(await ask(0, start({ attempt: 1 })), [`0: one in advance at ${origin}`]);
  t.same(await ask(0, start({ attempt: 2 })), [], 'two of four are in use');
  t.equal(deliverer.held.length, 2);
  deliverer.end(delivered);
  t.same(await heard(), ['0: delivered 1', `0: one in advance at ${origin}`]);
  t.equal(courier.taken, 2);
  t.same(await ask(1, want(2)), [`1: grant 2 at ${origin}`], "it is in nobody's way");
  t.throws(() => courier.receive(1, [start(), start(), start()]), 'another host does not have it');
});

t.test('a slot held in advance comes back when somebody waits, and when nobody may be let through', async (t) => {
  const { ask, courier, heard } = setup(t, { originConcurrency: 4 });
  const released: CourierRequest = { op: 'release', origin, lane: 'regular', count: 1 };
  await ask(0, want(1));
  await ask(0, start());
  t.same(await ask(1, want(3)), [`1: grant 2 at ${origin}`, `1: waiting for concurrency at ${origin}`, `0: recall at ${origin}`]);
  t.same(await ask(0, released), [`1: grant 1 at ${origin}`, `1: waiting for null at ${origin}`]);
  await ask(0, want(1, quiet));
  t.same(await ask(0, start({ spec: { destination: quiet } })), [`0: one in advance at ${quiet}`]);
  courier.reach(quiet, false);
  t.same(await heard(), [`0: recall at ${quiet}`]);
});

t.test('slots held in advance are few: those held longest come back', async (t) => {
  const { ask } = setup(t, { originConcurrency: 4, attemptsInFlightMax: 40 });
  const said: string[] = [];
  for (let n = 0; n < 12; n++) {
    const at = `http://origin-${n}.test`;
    await ask(0, want(1, at));
    said.push(...(await ask(0, start({ spec: { destination: at } }))));
  }
  const held = said.filter((text) => text.includes('in advance')).length;
  t.ok(held >= 10);
  t.same(
    said.filter((text) => text.includes('recall')),
    Array.from({ length: held - 10 }, (_, n) => `0: recall at http://origin-${n}.test`),
  );
});

t.test('whatever hosts, destinations and the breaker do, no slot is lost and no limit is passed', async (t) => {
  const wrong: string[] = [];
  for (let seed = 1; seed <= 30; seed++) {
    const found = await history(seed);
    if (found !== null) wrong.push(`seed ${seed}: ${found}`);
  }
  t.same(wrong, []);
});

/** One random history against a model that counts; null, or what went wrong. */
async function history(seed: number): Promise<string | null> {
  let state = seed * 7_919;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const limits = { originConcurrency: 1 + random(5), attemptsInFlightMax: 2 + random(8) };
  const timing = new ManualTiming();
  const deliverer = new HeldDeliverer();
  /** Slots that a host holds, its attempts without an outcome, and its open wishes, each per origin. */
  const hosts = [0, 1, 2].map(() => ({ held: new Map<string, number>(), attempts: 0, wishes: 0 }));
  /** Those given in advance are held as well; called back and still there, they are released. */
  const recalled: { host: number; at: string }[] = [];
  const courier = new Courier({
    options: { ...limits, breaker: random(2) === 0, originsMax: 1 + random(4), partitions: 1, recoveryRate: 1_000 },
    deliverer,
    timing,
    send: (host, replies) => {
      for (const reply of replies) {
        if (reply.op === 'grant') hosts[host]!.held.set(reply.origin, (hosts[host]!.held.get(reply.origin) ?? 0) + reply.count);
        if (reply.op === 'grant') hosts[host]!.wishes -= reply.count;
        if (reply.op === 'advance') hosts[host]!.held.set(reply.origin, (hosts[host]!.held.get(reply.origin) ?? 0) + 1);
        if (reply.op === 'recall') recalled.push({ host, at: reply.origin });
        if (reply.op === 'outcome') hosts[host]!.attempts -= 1;
      }
    },
  });
  courier.receive(0, [nothingSet]);
  const origins = ['http://a.test', 'http://b.test', 'http://c.test', 'http://d.test'];
  const check = (): string | null => {
    const running = (at: string) => deliverer.held.filter(({ delivery }) => delivery.attempt.origin === at).length;
    const taken = origins.map((at) => running(at) + hosts.reduce((sum, { held }) => sum + (held.get(at) ?? 0), 0));
    const total = taken.reduce((sum, count) => sum + count, 0);
    if (Math.max(...taken) > limits.originConcurrency)
      return `${Math.max(...taken)} slots at one origin of ${limits.originConcurrency}`;
    if (total > limits.attemptsInFlightMax) return `${total} slots of ${limits.attemptsInFlightMax}`;
    if (total !== courier.taken) return `${total} slots are in use, the courier counts ${courier.taken}`;
    return null;
  };
  const giveBack = ({ host, at }: { readonly host: number; readonly at: string }): void => {
    const count = hosts[host]!.held.get(at) ?? 0;
    if (count === 0) return;
    hosts[host]!.held.set(at, 0);
    courier.receive(host, [{ op: 'release', origin: at, lane: 'regular', count }]);
  };
  const step = async (): Promise<void> => {
    for (const recall of recalled.splice(0)) giveBack(recall);
    const host = random(3);
    const mine = hosts[host]!;
    const at = origins[random(4)]!;
    const held = mine.held.get(at) ?? 0;
    const kind = random(20);
    if (kind < 6) {
      const count = 1 + random(4);
      mine.wishes += count;
      courier.receive(host, [want(count, at)]);
    } else if (kind < 12 && held > 0) {
      mine.held.set(at, held - 1);
      mine.attempts += 1;
      courier.receive(host, [start({ spec: { destination: at } })]);
    } else if (kind < 14 && held > 0) {
      mine.held.set(at, held - 1);
      courier.receive(host, [{ op: 'release', origin: at, lane: 'regular', count: 1 }]);
    } else if (kind < 18 && deliverer.held.length > 0) {
      deliverer.end([delivered, unhealthy, refused][random(3)]!);
    } else if (kind === 18 && random(10) === 0) {
      courier.hostGone(host);
      hosts[host] = { held: new Map(), attempts: 0, wishes: 0 };
    } else {
      await timing.advance(random(3_000));
    }
    await timing.turn();
  };
  for (let count = 0; count < 400; count++) {
    await step();
    const wrong = check();
    if (wrong !== null) return `step ${count}: ${wrong}`;
  }
  // In the end everything that is wished for is granted, runs and ends.
  for (let round = 0; round < 2_000 && (courier.taken > 0 || hosts.some(({ wishes }) => wishes > 0)); round++) {
    for (const [host, { held, wishes }] of hosts.entries()) {
      for (const [at, count] of held) {
        if (wishes === 0) giveBack({ host, at });
        if (held.get(at) === 0) continue;
        held.set(at, 0);
        hosts[host]!.attempts += count;
        courier.receive(
          host,
          Array.from({ length: count }, () => start({ spec: { destination: at } })),
        );
      }
    }
    while (deliverer.held.length > 0) deliverer.end(delivered);
    await timing.advance(5_000);
  }
  const { taken, running } = courier;
  await courier.close();
  if (taken !== 0 || running !== 0) return `${taken} slots and ${running} attempts are left`;
  const left = hosts.findIndex(({ attempts, wishes }) => attempts !== 0 || wishes !== 0);
  return left === -1
    ? null
    : `host ${left} has ${hosts[left]!.attempts} attempts without an outcome and ${hosts[left]!.wishes} wishes`;
}

t.test('an origin to which there is no way gets no slot and says why; when there is one its events leave', async (t) => {
  const { courier, ask, heard } = setup(t);
  courier.reach(origin, false);
  t.same(await ask(0, want(1)), [`0: waiting for breaker at ${origin}`]);
  t.match(await courier.ask({ about: 'one', origin, row: null, closeBreaker: true }), [
    { breaker: 'open', opensUntilMs: null, waiting: 1, inFlight: 0 },
  ]);
  t.same(await ask(0, want(1, quiet)), [`0: grant 1 at ${quiet}`]);
  courier.reach(origin, true);
  t.same(await heard(), [`0: grant 1 at ${origin}`, `0: waiting for null at ${origin}`]);
});
