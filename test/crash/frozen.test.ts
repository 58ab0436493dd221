/** A process that stood still for a while (SIGSTOP, a suspended machine): late, but nothing twice, early or lost. */
import t from 'tap';
import { pause } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const events = 60;
const frozenMs = 2_000;

t.test('after two seconds of SIGSTOP everything goes on where it was', async (t) => {
  const receiver = await startReceiver(t);
  const server = await startServer(t);
  receiver.answer('/slow', { delayMs: 300 });
  const dueAtMs = new Map<string, number>();
  const schedule = async (path: string, delayMs: number): Promise<string> => {
    const { body } = await server.client.schedule({ destination: receiver.url + path, delay_ms: delayMs });
    dueAtMs.set(body.id, Date.parse(body.scheduled_at));
    return body.id;
  };
  await schedule('/slow', 0);
  for (let n = 0; n < events; n++) await schedule('/hook', 500 + n * 50);
  await receiver.until('/slow', 1);
  server.signal('SIGSTOP');
  const meanwhile = server.client.schedule({ destination: `${receiver.url}/meanwhile` });
  await pause(frozenMs);
  const before = receiver.arrivals.length;
  server.signal('SIGCONT');
  t.equal((await meanwhile).status, 201, 'what was asked meanwhile is answered');
  await receiver.until('/meanwhile', 1);
  await receiver.until('/hook', events);
  await pause(300);
  t.ok(before < events / 2, 'it had really stood still');
  t.equal(receiver.arrivals.length, events + 2, 'each came once');
  t.equal(new Set(receiver.arrivals.map(({ id }) => id)).size, events + 2);
  for (const { id, atMs } of receiver.arrivals) t.ok(atMs >= (dueAtMs.get(id) ?? 0), 'not early');
  const slow = await server.client.event(receiver.at('/slow')[0]!.id);
  t.equal(slow.body.status, 'DELIVERED', 'the answer that came while it stood still counts');
  t.equal(slow.body.attempts, 1);
});
