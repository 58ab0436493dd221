/** F27, F28: bodies that are too large, too deep, too many or not what they claim to be. */
import t from 'tap';
import { batchBodyBytesMax, eventBodyBytesMax, payloadBytesMax } from '../../engine/index.js';
import { emptyBodyBytesMax } from '../../gateway/limits.js';
import { setupGateway } from '../support/gateway.js';
import { postText, rawConnect, rawRequest } from '../support/raw-http.js';

const events = '/api/v1/events';
const destination = 'https://example.org/hook';

t.test('a body that is declared too long is refused unread', async (t) => {
  const { port } = await setupGateway(t);
  for (const [path, bytesMax] of [
    [events, eventBodyBytesMax],
    [`${events}/batch`, batchBodyBytesMax],
    [`${events}/x/cancel`, emptyBodyBytesMax],
  ] as const) {
    const answer = await rawRequest(port, `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${bytesMax + 1}\r\n\r\n`);
    t.match(answer, { status: 413, closed: true }, path);
    t.match(JSON.parse(answer.body), { code: 'too-large', status: 413 });
  }
});

t.test('a chunked body that is too long is refused when its client waits, and when it never ends', async (t) => {
  const { port, engine } = await setupGateway(t);
  const head = `POST ${events} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = `10000\r\n${' '.repeat(64 * 1024)}\r\n`;
  const connected = () => {
    const client = rawConnect(port);
    t.teardown(() => client.socket.destroy());
    client.socket.write(head);
    return client;
  };
  const waiting = connected();
  for (let sent = 0; sent <= eventBodyBytesMax; sent += 64 * 1024) waiting.socket.write(chunk);
  await waiting.until(() => waiting.isClosed(), 60_000);
  t.match(waiting.text(), /^HTTP\/1\.1 413/);
  t.ok(waiting.isClosed());

  const endless = connected();
  const deadline = performance.now() + 60_000;
  while (!endless.isClosed() && performance.now() < deadline) {
    endless.socket.write(chunk);
    await endless.until(() => false, 20);
  }
  t.ok(endless.isClosed());
  t.equal(engine.events.size, 0);
});

t.test('a body that says it is compressed is refused as what it is, and the connection goes on', async (t) => {
  const { call, engine } = await setupGateway(t);
  const event = `{"destination":"${destination}"}`;
  const refused = await call('POST', events, event, { 'content-encoding': 'gzip' });
  t.match(refused, { status: 415, json: { code: 'unsupported-media-type', retryable: false } });
  t.equal(refused.headers.get('accept-encoding'), 'identity');
  t.equal(engine.events.size, 0);
  t.equal((await call('POST', events, event, { 'content-encoding': 'Identity' })).status, 201);
});

t.test('a body of exactly the limit is read', async (t) => {
  const { port } = await setupGateway(t);
  const event = `{"destination":"${destination}"}`;
  t.equal((await rawRequest(port, postText(events, event + ' '.repeat(eventBodyBytesMax - event.length)))).status, 201);
});

t.test('a payload has its own limit within that of the body', async (t) => {
  const { call, engine } = await setupGateway(t);
  const sized = (bytes: number) => `{"destination":"${destination}","payload":"${'x'.repeat(bytes - 2)}"}`;
  t.equal((await call('POST', events, sized(payloadBytesMax))).status, 201);
  t.match(await call('POST', events, sized(payloadBytesMax + 1)), { status: 413, json: { code: 'too-large' } });
  const batch = await call('POST', `${events}/batch`, `{"events":[${sized(payloadBytesMax + 1)},${sized(100)}]}`);
  t.match(batch, { status: 200, json: { accepted: 1, rejected: 1, results: [{ index: 0, code: 'too-large' }, { index: 1 }] } });
  t.equal(engine.events.size, 2);
});

t.test('too many events are refused together', async (t) => {
  const { call, engine } = await setupGateway(t);
  const event = `{"destination":"${destination}"}`;
  const list = (count: number) => `{"events":[${Array.from({ length: count }, () => event).join(',')}]}`;
  t.match(await call('POST', `${events}/batch`, list(10_001)), { status: 413, json: { code: 'too-large' } });
  t.equal(engine.events.size, 0);
  t.match(await call('POST', `${events}/batch?results=errors`, list(10_000)), {
    status: 200,
    json: { accepted: 10_000, results: [] },
  });
});

t.test('deep and wide JSON neither stops the process nor holds it up', async (t) => {
  const { call, engine } = await setupGateway(t);
  const levels = 200_000;
  const deep = '['.repeat(levels) + ']'.repeat(levels);
  t.match(await call('POST', events, `{"destination":"${destination}","payload":${deep}}`), { status: 413 });
  const less = '['.repeat(100_000) + ']'.repeat(100_000);
  t.match(await call('POST', events, `{"destination":"${destination}","payload":${less}}`), {
    status: 422,
    json: { errors: [{ pointer: '/payload' }] },
  });
  t.match(await call('POST', events, `{"destination":"${destination}","tags":${less}}`), {
    status: 422,
    json: { errors: [{ pointer: '/tags' }] },
  });
  t.match(await call('POST', events, less), { status: 422, json: { errors: [{ pointer: '' }] } });
  t.match(await call('POST', events, '['.repeat(500_000)), { status: 400, json: { code: 'malformed-json' } });
  const keys = Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(',');
  t.match(await call('POST', events, `{${keys}}`), { status: 422, json: { code: 'invalid' } });
  t.equal(engine.events.size, 0);
});

t.test('big numbers, odd keys and white space come back byte for byte', async (t) => {
  const { call } = await setupGateway(t);
  const payload = '{"__proto__":{"a":1},"n":9007199254740993,"e":1E+2,"f":0.10,"constructor" : {"prototype":null},\t"":[ ]}';
  const { status, text } = await call(
    'POST',
    events,
    `{"destination":"${destination}","tags":{"__proto__":"t"},"payload":${payload}}`,
  );
  t.equal(status, 201);
  t.ok(text.includes(`"payload":${payload}}`));
  t.ok(text.includes('"tags":{"__proto__":"t"}'));
});

t.test('text that is no UTF-8 is malformed, in single events and in batches', async (t) => {
  const { port } = await setupGateway(t);
  for (const [path, before, after] of [
    [events, `{"destination":"${destination}","payload":"`, '"}'],
    [`${events}/batch`, `{"events":[{"destination":"${destination}","description":"`, '"}]}'],
  ] as const) {
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xc3, 0x28]), Buffer.from(after)]);
    const head = `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const answer = await rawRequest(port, Buffer.concat([Buffer.from(head), body]));
    t.match(JSON.parse(answer.body), { code: 'malformed-request', status: 400 }, path);
  }
});

t.test('a body is not needed, and its absence is no crash', async (t) => {
  const { port, call } = await setupGateway(t);
  t.match(JSON.parse((await rawRequest(port, postText(events, ''))).body), { code: 'malformed-json' });
  t.match(JSON.parse((await rawRequest(port, postText(`${events}/batch`, ''))).body), { code: 'malformed-json' });
  const withBody = await rawRequest(port, 'GET /health HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}');
  t.equal(withBody.status, 200);
  t.equal((await call('GET', '/health')).status, 200);
});

t.test('no type is another type: a web page may send that without being asked', async (t) => {
  const { port } = await setupGateway(t);
  const body = `{"destination":"${destination}"}`;
  const answer = await rawRequest(port, `POST ${events} HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  t.match(JSON.parse(answer.body), { code: 'unsupported-media-type', detail: /no Content-Type/ });
});
