/** F18: a thread that throws takes its partitions down and brings them up again; the process and the others go on. */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const timeout = 150_000;
const hosts = 2;
/** Of each host three threads, and one courier. */
const threads = 3 * hosts + 1;
const postEveryMs = 8;
const aheadMsMax = 800;
const acceptedBetweenDeaths = 15;

t.setTimeout(timeout);

t.test('threads of every kind throw under load; no acknowledged event is lost and each is delivered', { timeout }, async (t) => {
  const receiver = await startReceiver(t);
  const server = await startServer(t, {
    env: { ESCAPEMENT_PARTITIONS: String(hosts), ESCAPEMENT_ACTOR_THREADS: String(hosts), THREADS: String(threads) },
    nodeFlags: ['--import', new URL('./thread-killer.js', import.meta.url).href],
  });
  await server.ready();
  const accepted = new Set<string>();
  const refused = new Map<string, number>();
  let posting = true;
  const producer = (async () => {
    for (let n = 0; posting; n++) {
      const delayMs = (n * 37) % aheadMsMax;
      const { status, body } = await server.client.schedule({ destination: `${receiver.url}/hook`, delay_ms: delayMs });
      if (status === 201) accepted.add(body.id);
      else refused.set(body.code, (refused.get(body.code) ?? 0) + 1);
      await pause(postEveryMs);
    }
  })();
  for (let killed = 1; killed <= threads; killed++) {
    const before = accepted.size;
    await until('the load is under way', () => accepted.size >= before + acceptedBetweenDeaths);
    server.signal('SIGUSR2');
    await until(`death ${killed} is noticed`, () => deaths() >= killed, 90_000);
    await server.ready();
  }
  posting = false;
  await producer;
  await receiver.untilAll(accepted);
  for (const id of accepted)
    await until('its outcome is recorded', async () => (await server.client.event(id)).body.status === 'DELIVERED');
  const attempts = receiver.arrivals.map(({ attempt }) => attempt);
  t.comment(
    `${accepted.size} accepted, ${receiver.arrivals.length} arrivals, refused: ${JSON.stringify(Object.fromEntries(refused))}`,
  );
  t.ok(
    [...refused.keys()].every((code) => code === 'outcome-unknown' || code === 'partition-unavailable'),
    'what was not accepted was told so',
  );
  t.ok(
    attempts.every((attempt) => attempt === 1),
    'an attempt that is made again keeps its number',
  );
  t.equal(server.logs().filter(({ msg }) => /an actor host died/.test(String(msg))).length, 3 * hosts);
  t.equal(server.logs().filter(({ msg }) => /a courier died/.test(String(msg))).length, 1);
  const { code } = await server.stop();
  t.equal(code, 0, 'and it still stops in order');

  function deaths(): number {
    return server.logs().filter(({ msg }) => /died/.test(String(msg))).length;
  }
});
