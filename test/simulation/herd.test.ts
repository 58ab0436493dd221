/**
 * F24 and F9, a thundering herd: what became due during an outage, or in an hour that the clock jumped over, leaves at its pace,
 * in order, while fresh events are on time and what waits costs nobody else anything.
 *
 * `HERD=1000000` makes it the long run.
 */
import t, { type Test } from 'tap';
import { delivered } from '../../engine/dispatch/deliverer.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import type { StartedAttempt } from '../support/simulated-happenings.js';
import { fairWeather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';

const herd = Number(process.env['HERD'] ?? 6_000);
const origins = 3;
const ratePerSecond = 100;
const hour = 3_600_000;

/** A herd that is due within the hour, and everything that starts afterwards. */
async function setup() {
  const world = new SimulatedWorld({
    weather: { ...fairWeather(), survivors: () => 0, segmentRecordsMax: 1_000_000 },
    respond: () => ({ afterMs: 20, result: delivered }),
    partitions: 2,
    courier: { originConcurrency: 16, attemptsInFlightMax: 1_000, recoveryRate: ratePerSecond },
  });
  const starts: StartedAttempt[] = [];
  world.onlooker((happening) => {
    if (happening.what === 'started') starts.push(happening.attempt);
  });
  world.start();
  await world.scheduler.advance(100);
  const ranks = new Map<string, number>();
  const beginsAtMs = Math.floor(world.scheduler.wall);
  for (let n = 0; n < herd; n++) {
    const dueInMs = 60_000 + ((n * 7_919) % (hour - 120_000));
    const priority = n % 10;
    const { event } = world.producer.schedule({
      destination: `http://${n % origins}.test/hook`,
      scheduledAtMs: (beginsAtMs + dueInMs) as WallMs,
      priority,
    });
    ranks.set(event, (9 - priority) * hour + dueInMs);
    if (n % 500 === 0) await world.scheduler.advance(5);
  }
  await world.scheduler.advance(1_000);
  return { world, starts, ranks };
}

type Setup = Awaited<ReturnType<typeof setup>>;

/** One event every 100 ms for a while, at the same origins. Returns how late each started. */
async function freshEvents({ world, starts }: Setup, seconds: number): Promise<number[]> {
  const dueAtMs = new Map<string, number>();
  for (let n = 0; n < seconds * 10; n++) {
    const at = (Math.floor(world.scheduler.wall) + 50) as WallMs;
    const { event } = world.producer.schedule({ destination: `http://${n % origins}.test/hook`, scheduledAtMs: at, priority: 0 });
    dueAtMs.set(event, at);
    await world.scheduler.advance(100);
  }
  return starts.flatMap(({ event, wallMs }) => (dueAtMs.has(event) ? [wallMs - dueAtMs.get(event)!] : []));
}

function check(t: Test, { starts, ranks, world }: Setup, { seconds, lags }: { seconds: number; lags: readonly number[] }): void {
  t.equal(lags.length, seconds * 10, 'all fresh events have started');
  t.ok(Math.max(...lags) < 20, `fresh events start at most ${Math.max(...lags).toFixed(2)} ms late`);
  const old = starts.filter(({ event }) => ranks.has(event));
  for (let origin = 0; origin < origins; origin++) {
    const here = old.filter((started) => started.origin === `http://${origin}.test`);
    const most = mostWithin(
      1_000,
      here.map(({ nowMs }) => nowMs),
    );
    t.ok(most <= ratePerSecond * 1.1 + 1, `${most} within one second at origin ${origin}`);
    t.ok(here.length > seconds * ratePerSecond * 0.9, `${here.length} in ${seconds} s at origin ${origin}`);
    // Those that were granted in one turn may start in either order.
    const order = here.map(({ event }) => ranks.get(event)!);
    const isOrdered = order.every((rank, at) => at < 8 || order[at - 8]! <= rank);
    t.ok(isOrdered, `origin ${origin} gets them by priority and deadline`);
  }
  const overdue = world.hosts.reduce((sum, { host }) => sum + host.actors.reduce((all, { state }) => all + state.pending, 0), 0);
  t.equal(overdue, herd - old.filter(({ ended }) => ended !== null).length, 'all others still wait');
}

function mostWithin(spanMs: number, moments: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < moments.length; last++) {
    while (moments[last]! - moments[first]! >= spanMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

t.test('after an outage of an hour', async (t) => {
  const made = await setup();
  const { world } = made;
  world.crash('kill');
  await world.scheduler.advance(hour);
  world.start();
  await world.scheduler.advance(1_000);
  check(t, made, { seconds: 10, lags: await freshEvents(made, 10) });
});

t.test('after a jump of the clock by an hour', async (t) => {
  const made = await setup();
  const { world } = made;
  world.stepWall(hour);
  await world.scheduler.advance(1_100);
  check(t, made, { seconds: 10, lags: await freshEvents(made, 10) });
});
