/** F25: memory gets short. New events are refused; what was accepted can be read, cancelled and is delivered; room brings everything back. */
import t from 'tap';
import { until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const timeout = 60_000;
const payload = 'x'.repeat(2_000);

t.setTimeout(timeout);

t.test('new events are refused before memory runs out, and everything else goes on', { timeout }, async (t) => {
  const receiver = await startReceiver(t);
  const server = await startServer(t, {
    env: { MEMORY_MIB: '48' },
    nodeFlags: ['--import', new URL('./memory-limit.js', import.meta.url).href],
  });
  await server.ready();
  const due = await server.client.schedule({ destination: `${receiver.url}/due`, delay: '8s' });
  t.equal(due.status, 201);
  server.signal('SIGUSR2');
  const accepted: string[] = [];
  const batch = Array.from({ length: 500 }, () => ({ destination: receiver.url, delay: '1h', payload }));
  const refused = await until(
    'new events are refused',
    async () => {
      const answer = await server.client.batch(batch);
      if (answer.status !== 200) return answer;
      for (const { id } of answer.body.results) if (id !== undefined) accepted.push(id);
      return null;
    },
    40_000,
  );
  t.match(refused, { status: 503, body: { code: 'overloaded', retryable: true } });
  t.ok(Number(refused.headers['retry-after']) > 0, 'with Retry-After');
  t.comment(`${accepted.length} events fitted`);
  t.ok(server.logs().some(({ msg }) => /memory is short/.test(String(msg))));
  t.equal((await server.client.event(accepted[0]!)).status, 200);
  t.equal((await server.client.cancel(accepted[0]!)).status, 200);
  t.equal((await server.client.get('/health/ready')).status, 200);
  await receiver.until('/due', 1, 30_000);
  t.equal(receiver.at('/due')[0]!.id, due.body.id);

  server.signal('SIGUSR2');
  await until('new events are taken again', async () => (await server.client.batch(batch)).status === 200, 30_000);
  await server.kill();
  await server.restart();
  await server.ready();
  for (const id of accepted.slice(1, 200)) t.equal((await server.client.event(id)).body.status, 'SCHEDULED');
});
