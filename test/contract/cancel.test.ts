/** The contract of cancelling: what each state answers, and that a 200 is kept. */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const server = await sharedServer(t);
const { client } = server;
const receiver = await startReceiver(t);

t.test('a scheduled event is cancelled by either call, again without harm, and never comes', async (t) => {
  for (const cancel of [client.cancel.bind(client), (id: string) => client.delete(`/api/v1/events/${id}`)]) {
    const { body } = await client.schedule({ destination: `${receiver.url}/cancelled`, delay_ms: 1_500 });
    const first = await cancel(body.id);
    t.equal(first.status, 200);
    t.equal(first.headers['etag'], '"2"');
    t.match(first.body, {
      id: body.id,
      status: 'CANCELLED',
      version: 2,
      next_attempt_at: null,
      finished_at: String,
      attempts: 0,
    });
    const again = await cancel(body.id);
    t.equal(again.status, 200);
    t.same(again.body, first.body);
    t.same((await client.event(body.id)).body, first.body);
    t.same(
      (await client.history(body.id)).body.data.map(({ status }) => status),
      ['SCHEDULED', 'CANCELLED'],
    );
  }
  await pause(1_700);
  t.same(receiver.at('/cancelled'), []);
});

t.test('between two attempts it can be cancelled, and none follows', async (t) => {
  receiver.answer('/fails', { status: 500 });
  const { body } = await client.schedule({
    destination: `${receiver.url}/fails`,
    retry: { strategy: 'fixed', initial_ms: 1_500, max_ms: 1_500, jitter: 'none' },
  });
  await until('it is retrying', async () => (await client.event(body.id)).body.status === 'RETRYING');
  const { status, body: cancelled } = await client.cancel(body.id);
  t.equal(status, 200);
  t.match(cancelled, { status: 'CANCELLED', attempts: 1, last_status_code: 500 });
  await pause(1_700);
  t.equal(receiver.at('/fails').length, 1);
});

t.test('a running attempt is in flight, a finished event is finished', async (t) => {
  receiver.answer('/slow', { delayMs: 1_500 });
  const { body } = await client.schedule({ destination: `${receiver.url}/slow` });
  await receiver.until('/slow', 1);
  const running = await client.cancel(body.id);
  t.equal(running.status, 409);
  t.match(running.body, { code: 'in-flight', retryable: true, event_id: body.id, event_status: 'DISPATCHED' });
  await until('it is delivered', async () => (await client.event(body.id)).body.status === 'DELIVERED');
  const finished = await client.cancel(body.id);
  t.equal(finished.status, 409);
  t.match(finished.body, { code: 'already-finished', retryable: false, event_id: body.id, event_status: 'DELIVERED' });
});

t.test('a cancel takes neither fields nor parameters that it does not know', async (t) => {
  const { body } = await client.schedule({ destination: receiver.url, delay: '1h' });
  t.equal((await client.post(`/api/v1/events/${body.id}/cancel`, { reason: 'x' })).status, 422);
  t.equal((await client.post(`/api/v1/events/${body.id}/cancel?force=1`)).status, 422);
  t.equal((await client.event(body.id)).body.status, 'SCHEDULED');
  t.equal((await client.post(`/api/v1/events/${body.id}/cancel`, {})).status, 200, 'an empty object is nothing');
});

t.test('a hundred cancels that race with their time: each was kept or refused', async (t) => {
  const events = await Promise.all(
    Array.from({ length: 100 }, (_, n) => client.schedule({ destination: `${receiver.url}/race`, delay_ms: 150 + (n % 20) })),
  );
  await pause(130);
  const answers = await Promise.all(events.map(({ body }) => client.cancel(body.id)));
  await receiver.until('/race', answers.filter(({ status }) => status !== 200).length);
  await pause(400);
  const came = new Set(receiver.at('/race').map(({ id }) => id));
  for (const [at, { status, body }] of answers.entries()) {
    const { id } = events[at]!.body;
    if (status === 200) t.notOk(came.has(id), 'cancelled and not delivered');
    else t.match(body.code, /^(in-flight|already-finished)$/);
    if (status !== 200) t.ok(came.has(id), 'not cancelled and delivered');
  }
  t.comment(`${answers.filter(({ status }) => status === 200).length} of 100 were cancelled`);
});
