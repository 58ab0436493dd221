/** The bytes of a payload go through untouched: into the answer, into the log, into the webhook. */
import t from 'tap';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const server = await sharedServer(t);
const receiver = await startReceiver(t);
const { client } = server;

const payloads: readonly string[] = [
  '1.10',
  '12345678901234567890',
  '-0',
  '1E400',
  '{"b":1,"a":2,"1":3}',
  '{"a":1,"a":2}',
  '{ "a" :\t[ 1 ,\n 2 ] }',
  '"\\u00e4\\/\\ud83d\\ude00"',
  '"ä😀\u2028\u007f"',
  '"\\ud800"',
  '{"__proto__":{"x":1},"constructor":null}',
  '""',
  'null',
  'false',
  '[]',
  '{}',
  `"${'x'.repeat(256 * 1024 - 2)}"`,
  `${'['.repeat(128)}${']'.repeat(128)}`,
];

/** Around it as well: what stands before and behind in the body must not matter. */
function bodyWith(payload: string, path: string): string {
  return ` { "payload" : ${payload} , "destination":"${receiver.url}${path}" } `;
}

t.test('single events', async (t) => {
  for (const [at, payload] of payloads.entries()) {
    const path = `/single/${at}`;
    const { status, text, body } = await client.schedule(bodyWith(payload, path));
    const name = `payload ${at}`;
    t.equal(status, 201, name);
    t.ok(text.endsWith(`"payload":${payload}}`), 'in the answer to the POST');
    const [arrival] = await receiver.until(path, 1);
    t.ok(arrival!.body.equals(Buffer.from(payload)), 'in the webhook');
    t.equal(arrival!.headers['content-type'], 'application/json');
    t.ok((await client.event(body.id)).text.endsWith(`"payload":${payload}}`), 'in GET');
  }
});

t.test('batches', async (t) => {
  const parts = payloads.map((payload, at) => bodyWith(payload, `/batch/${at}`));
  const { body } = await client.post<{ accepted: number }>('/api/v1/events/batch', `{"events":[${parts.join(',')}]}`);
  t.equal(body.accepted, payloads.length);
  for (const [at, payload] of payloads.entries()) {
    const [arrival] = await receiver.until(`/batch/${at}`, 1);
    t.ok(arrival!.body.equals(Buffer.from(payload)), `payload ${at}`);
  }
});

t.test('no payload is no body', async (t) => {
  const { body } = await client.schedule({ destination: `${receiver.url}/none` });
  const [arrival] = await receiver.until('/none', 1);
  t.equal(arrival!.body.length, 0);
  t.equal((await client.event(body.id)).body.payload, null);
});

t.test('after a restart it is read from disk as it came', async (t) => {
  const odd = '{ "z":1.10, "a":[12345678901234567890] }';
  const { body } = await client.schedule(`{"destination":"${receiver.url}/later","delay_ms":3000,"payload":${odd}}`);
  await server.kill();
  await server.restart();
  t.ok((await client.event(body.id)).text.endsWith(`"payload":${odd}}`));
  const [arrival] = await receiver.until('/later', 1);
  t.equal(arrival!.body.toString(), odd);
});
