import t, { type Test } from 'tap';
import { Breaker } from '../../engine/dispatch/breaker.js';
import { type DeliveryResult, delivered } from '../../engine/dispatch/deliverer.js';
import { ManualTiming, refused, settled, unhealthy } from './fixtures.js';

function setup(t: Test) {
  const timing = new ManualTiming();
  const states: string[] = [];
  const breaker: Breaker = new Breaker({
    timing,
    changed: () => states.push(breaker.state),
    opened: () => undefined,
  });
  t.teardown(() => breaker.dispose());
  const run = async (result: DeliveryResult, times = 1) => {
    for (let count = 0; count < times; count++) await breaker.run(() => Promise.resolve(result));
  };
  return { timing, breaker, states, run };
}

t.test('nineteen failures are too few, the twentieth opens the circuit', async (t) => {
  const { breaker, run } = setup(t);
  await run(unhealthy, 19);
  t.equal(breaker.state, 'closed');
  await run(unhealthy);
  t.equal(breaker.state, 'open');
});

t.test('half of the attempts is enough, also when the one that makes twenty went well', async (t) => {
  const { breaker, run } = setup(t);
  for (let pair = 0; pair < 10; pair++) {
    t.equal(breaker.state, 'closed');
    await run(unhealthy);
    await run(delivered);
  }
  t.equal(breaker.state, 'open');
});

t.test('less than half is not', async (t) => {
  const { breaker, run } = setup(t);
  for (let round = 0; round < 100; round++) {
    await run(delivered, 2);
    await run(unhealthy);
  }
  t.equal(breaker.state, 'closed');
});

t.test('refusals of single events (3xx, 4xx) never open it', async (t) => {
  const { breaker, run } = setup(t);
  await run(refused, 100);
  t.equal(breaker.state, 'closed');
});

t.test('failures that lie more than ten seconds back do not count', async (t) => {
  const { breaker, run, timing } = setup(t);
  await run(unhealthy, 19);
  await timing.advance(10_000);
  await run(unhealthy, 19);
  t.equal(breaker.state, 'closed');
});

t.test('it stays open 5 s, then twice as long after each probe that fails, at most 60 s', async (t) => {
  const { breaker, run, timing } = setup(t);
  await run(unhealthy, 20);
  for (const openMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    await timing.advance(openMs - 1);
    t.equal(breaker.state, 'open', `still open after ${openMs - 1} ms`);
    await timing.advance(1);
    t.equal(breaker.state, 'probe', `a probe may go after ${openMs} ms`);
    await run(unhealthy);
    t.equal(breaker.state, 'open');
  }
});

t.test('a probe that goes well closes it, and its memory is blank', async (t) => {
  const { breaker, run, timing, states } = setup(t);
  await run(unhealthy, 20);
  await timing.advance(5_000);
  let end: (result: DeliveryResult) => void = () => undefined;
  const probe = breaker.run(() => new Promise((resolve) => (end = resolve)));
  t.equal(breaker.state, 'half-open');
  end(delivered);
  await probe;
  t.equal(breaker.state, 'closed');
  t.same(states, ['open', 'probe', 'half-open', 'closed']);
  await run(unhealthy, 19);
  t.equal(breaker.state, 'closed', 'nineteen are too few again');
  await run(unhealthy);
  await timing.advance(4_999);
  t.equal(breaker.state, 'open');
  await timing.advance(1);
  t.equal(breaker.state, 'probe', 'and it begins with 5 s again');
});

t.test('a destination that answers the probe with 404 is up', async (t) => {
  const { breaker, run, timing } = setup(t);
  await run(unhealthy, 20);
  await timing.advance(5_000);
  await run(refused);
  t.equal(breaker.state, 'closed');
});

t.test('attempts that were already granted when it opened run, and their results are not counted', async (t) => {
  const { breaker, run, timing } = setup(t);
  const ends: ((result: DeliveryResult) => void)[] = [];
  const late = [1, 2, 3].map(() => breaker.run(() => new Promise((resolve) => ends.push(resolve))));
  await run(unhealthy, 20);
  t.equal(breaker.state, 'open');
  t.equal((await breaker.run(() => Promise.resolve(delivered))).kind, 'delivered', 'one that starts while it is open');
  t.equal(breaker.state, 'open');
  ends[0]!(unhealthy);
  await late[0];
  await timing.advance(5_000);
  t.equal(breaker.state, 'probe', 'a failure from before does not make the wait longer');
  const probe = breaker.run(() => new Promise((resolve) => ends.push(resolve)));
  ends[1]!(unhealthy);
  ends[2]!(delivered);
  await Promise.all(late);
  await settled();
  t.equal(breaker.state, 'half-open', 'neither kind of result speaks for the probe');
  ends[3]!(delivered);
  await probe;
  t.equal(breaker.state, 'closed');
});

t.test('a step of the clock of the machine neither shortens nor lengthens the wait', async (t) => {
  for (const stepMs of [-3_600_000, 3_600_000]) {
    const { breaker, run, timing } = setup(t);
    await run(unhealthy, 20);
    timing.stepWall(stepMs);
    await timing.advance(4_999);
    t.equal(breaker.state, 'open');
    await timing.advance(1);
    t.equal(breaker.state, 'probe');
    await run(delivered);
    t.equal(breaker.state, 'closed');
  }
});
