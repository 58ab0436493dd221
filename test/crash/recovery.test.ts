/**
 * F24, paced recovery: after a kill with 24,000 events overdue at ten origins, all of them paused, nothing leaves before somebody
 * resumes; then each origin gets its own at a bounded rate, the highest priority first, and what is due now is on time.
 *
 * The p99 of the lag meanwhile has to be below 20 ms; it was 12 ms on 2 cores with a load of 10 from elsewhere. Other processes may be in the
 * way here, so what no load excuses is strict: order, rates, nothing lost sight of, and that what is due now does not wait for
 * what is overdue, which would take minutes. `test/simulation/herd.test.ts` has the lag without a machine in the way. `OVERDUE=200000`,
 * `ORIGINS` and `RATE` make it another run.
 */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { probe, scheduleMany } from './punctuality.js';

const overdue = Number(process.env['OVERDUE'] ?? 24_000);
const origins = Number(process.env['ORIGINS'] ?? 10);
const ratePerSecond = Number(process.env['RATE'] ?? 200);
const probes = 50;
const timeout = 600_000;
/** The median may grow to so many times what it was on the same busy machine before, and so much more. */
const lagTimesMax = 10;
const lagMoreMsMax = 200;

t.setTimeout(timeout);

t.test('24,000 overdue events drain at a bounded rate, in order, and what is due now is on time', { timeout }, async (t) => {
  const quiet = await startReceiver(t);
  const crowded: Receiver[] = [];
  for (let n = 0; n < origins; n++) crowded.push(await startReceiver(t));
  const server = await startServer(t, {
    env: { ESCAPEMENT_LOG_LEVEL: 'warn', ESCAPEMENT_RECOVERY_RATE: String(ratePerSecond), ESCAPEMENT_ORIGIN_CONCURRENCY: '32' },
  });
  await server.ready();
  const setPaused = async (paused: boolean): Promise<void> => {
    for (const { url } of crowded) {
      const path = `/api/v1/destinations/${encodeURIComponent(url)}`;
      const { status, text } = await server.client.send({ method: 'PATCH', path, body: { paused } });
      if (status !== 200) throw new Error(`PATCH was answered ${status} ${text}`);
    }
  };
  const recovery = async () => (await server.client.get<{ recovery: Recovery }>('/health')).body.recovery;

  await setPaused(true);
  const startedAt = performance.now();
  await scheduleMany(server, {
    count: overdue,
    event: (n) => ({ destination: crowded[n % origins]!.url, priority: Math.floor(n / origins) % 10, payload: { n } }),
  });
  t.comment(`${overdue} scheduled in ${Math.round(performance.now() - startedAt)} ms`);
  await server.kill();
  await server.restart();
  const readyAt = performance.now();
  await server.ready(60_000);
  t.comment(`ready after ${Math.round(performance.now() - readyAt)} ms`);
  await until('all of them are overdue', async () => (await recovery()).overdue === overdue, 30_000);
  t.equal(
    crowded.reduce((sum, { arrivals }) => sum + arrivals.length, 0),
    0,
    'not one has left a paused origin',
  );
  const before = await probe({ server, receiver: quiet, path: '/before', probes: 25 });

  const resumedAtMs = Date.now();
  await setPaused(false);
  const during = await probe({ server, receiver: quiet, path: '/during', probes });
  const { overdue: left, done_at: doneAt } = await recovery();
  const elapsedS = (Date.now() - resumedAtMs) / 1_000;
  t.comment(`before: ${JSON.stringify(before)}`);
  t.comment(`while they drain: ${JSON.stringify(during)}`);
  t.comment(`${overdue - left} left in ${elapsedS.toFixed(1)} s; done in ${(Date.parse(doneAt!) - Date.now()) / 1_000} s`);
  t.equal(during.early, 0);
  t.ok(during.fire.p50 < lagTimesMax * before.fire.p50 + lagMoreMsMax, `median of the lag is ${during.fire.p50} ms`);
  t.ok(left > 0 && left < overdue, 'they drain, and not at once');
  const leastS = left / (origins * ratePerSecond);
  t.ok(Date.parse(doneAt!) > Date.now() + leastS * 900, 'and health knows that it takes its time');
  for (const [n, { arrivals }] of crowded.entries()) {
    const most = ratePerSecond * elapsedS + ratePerSecond * 0.1 + 1;
    if (arrivals.length > most) t.fail(`origin ${n} got ${arrivals.length} within ${elapsedS} s`);
    const priorities = arrivals.map(({ body }) => Math.floor((JSON.parse(body.toString()) as { n: number }).n / origins) % 10);
    // Those that run at the same time arrive in any order.
    const firsts = Math.min(priorities.length, overdue / origins / 10) - 64;
    if (!priorities.slice(0, firsts).every((priority) => priority === 9))
      t.fail(`origin ${n} did not get the highest priority first`);
  }
  await pause(50);
});

interface Recovery {
  readonly overdue: number;
  readonly done_at: string | null;
}
