/**
 * 200 clients of the status stream, on WebSockets and as server-sent events, are cut off at random and come back with their last
 * cursor, stop reading now and then, and lose the server to `kill -9`: each hears every matching change exactly once and in order.
 *
 * A few seconds in the suite. Longer: `ESCAPEMENT_TEST_STREAM_SECONDS=300 node build/test/crash/stream-clients.test.js`
 */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { Follower } from './follower.js';
import { seededRandom } from './plan.js';

const seconds = Number(process.env['ESCAPEMENT_TEST_STREAM_SECONDS'] ?? 8);
const clients = 200;
/** Of so many clients, one hears everything; the others hear of one source each. */
const everythingOneIn = 10;
const sources = 10;
const eventsPerSecond = 200;
const lanes = 4;
const killEveryMs = Math.max(4_000, Math.min(10_000, (seconds * 1_000) / 3));
const settleMsMax = 60_000 + seconds * 100;

t.setTimeout(seconds * 1_000 + settleMsMax + 60_000);

t.test('200 clients that are cut at random hear every matching change exactly once, over kill -9', async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer('/second', ({ attempt }) => (attempt === 1 ? { status: 429 } : {}));
  receiver.answer('/dies', { status: 410 });
  const server = await startServer(t, { env: { ESCAPEMENT_ACTOR_THREADS: '2', ESCAPEMENT_LOG_LEVEL: 'warn' } });
  const seed = Math.floor(Math.random() * 1_000_000);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const followers = Array.from({ length: clients }, (_, number) => {
    const source = number % everythingOneIn === 0 ? null : `s${number % sources}`;
    const kind = number % 3 === 0 ? 'events' : 'websocket';
    return new Follower({
      name: `client ${number}`,
      kind,
      source,
      random: seededRandom(seed + number + 1),
      url: () => server.url,
    });
  });
  t.teardown(() => Promise.all(followers.map((follower) => follower.stop())));
  await Promise.all(followers.map((follower) => follower.start()));

  const endsAt = performance.now() + seconds * 1_000;
  let isOver = false;
  const accepted = new Set<string>();
  const load = async (): Promise<void> => {
    const count = eventsPerSecond / 10 / lanes;
    while (!isOver) {
      const events = Array.from({ length: count }, () => ({
        source: `s${Math.floor(random() * sources)}`,
        delay_ms: Math.floor(random() * 1_500),
        destination: receiver.url + (random() < 0.8 ? '/x' : random() < 0.5 ? '/second' : '/dies'),
        retry: { strategy: 'fixed', initial_ms: 50, max_ms: 50, jitter: 'none' },
      }));
      // A server that is down, or dies with the answer under way: what it had accepted is in the clients' ears.
      const answer = await server.client.batch(events).catch(() => null);
      for (const { id } of answer?.body?.results ?? []) {
        if (id === undefined) continue;
        accepted.add(id);
        if (random() < 0.1) void server.client.cancel(id).catch(() => undefined);
      }
      await pause(100);
    }
  };
  const loading = Promise.all(Array.from({ length: lanes }, load));
  let kills = 0;
  while (performance.now() + killEveryMs < endsAt) {
    await pause(killEveryMs * (0.5 + random() * 0.5));
    await server.kill();
    kills++;
    await server.restart();
  }
  await pause(Math.max(0, endsAt - performance.now()));
  isOver = true;
  await loading;
  for (const follower of followers) follower.rest();

  const known = () => new Set([...accepted, ...followers.flatMap(({ told }) => [...told.keys()])]);
  await server.ready();
  await until(
    'everything comes to its end',
    async () => {
      const { body } = await server.client.get<{ readonly data?: readonly unknown[]; readonly has_more?: boolean }>(
        '/api/v1/events?status=SCHEDULED,RETRYING,DISPATCHED&limit=1',
      );
      return body.data?.length === 0 && body.has_more === false;
    },
    settleMsMax,
  );
  const expected = new Map<string, { version: number; status: string; source: string }>();
  const queue = [...known()];
  const read = async (): Promise<void> => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const { body } = await server.client.event(id);
      expected.set(id, { version: body.version, status: body.status, source: String(body['source']) });
    }
  };
  await Promise.all(Array.from({ length: 16 }, read));
  const total = (source: string | null) =>
    [...expected.values()]
      .filter((event) => source === null || event.source === source)
      .reduce((sum, { version }) => sum + version, 0);
  const totals = new Map<string | null, number>(
    [null, ...Array.from({ length: sources }, (_, n) => `s${n}`)].map((source) => [source, total(source)]),
  );
  const isTold = (follower: Follower, number: number) => follower.items >= totals.get(sourceOf(number))!;
  await until('everybody has heard everything', () => followers.every(isTold), settleMsMax).catch(() => undefined);
  await pause(300);

  const wrong: string[] = [];
  for (const [number, { told, items, complaints, gaps }] of followers.entries()) {
    wrong.push(...complaints);
    const source = sourceOf(number);
    if (items !== totals.get(source)) wrong.push(`client ${number} has heard ${items} changes, there are ${totals.get(source)}`);
    if (gaps > 0) wrong.push(`client ${number} was told of ${gaps} gaps`);
    for (const [id, { version, status, source: own }] of expected) {
      if (source !== null && own !== source) continue;
      const last = told.get(id);
      if (last?.version !== version || last.status !== status)
        wrong.push(`client ${number} knows ${id} as ${JSON.stringify(last)}, it is ${status} ${version}`);
    }
  }
  t.same(wrong.slice(0, 20), []);
  t.ok(accepted.size > 20, `${accepted.size} events accepted`);
  const sum = (of: (follower: Follower) => number) => followers.reduce((all, follower) => all + of(follower), 0);
  t.comment(
    `${kills} kills, ${sum(({ cuts }) => cuts)} cuts, ${sum(({ lagging }) => lagging)} lagging; ${expected.size} events, ` +
      `${totals.get(null)} changes, heard ${sum(({ items }) => items)} times`,
  );
  t.ok(sum(({ cuts }) => cuts) > clients, 'they were cut');
  await Promise.all(followers.map((follower) => follower.stop()));
});

function sourceOf(client: number): string | null {
  return client % everythingOneIn === 0 ? null : `s${client % sources}`;
}
