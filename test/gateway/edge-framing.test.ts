/** F29-F31: requests that no honest client sends, over raw sockets. After each the server must still work. */
import t from 'tap';
import { until } from '../support/deadline.js';
import { postText, rawConnect, rawRequest } from '../support/raw-http.js';
import { setupGateway } from '../support/gateway.js';

const events = '/api/v1/events';
const body = '{"destination":"https://example.org/hook"}';
const length = body.length;
const smuggled = `GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n`;

function post(headers: readonly string[], rest: string): string {
  return [`POST ${events} HTTP/1.1`, 'Host: test', 'Content-Type: application/json', ...headers, '', rest].join('\r\n');
}

t.test('a request whose end can be seen in two ways is refused and the connection closed', async (t) => {
  const { port, engine } = await setupGateway(t);
  const chunked = `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const cases: Readonly<Record<string, string>> = {
    'two lengths that differ': post([`Content-Length: ${length}`, `Content-Length: ${length + 5}`], body),
    'two lengths that agree': post([`Content-Length: ${length}`, `Content-Length: ${length}`], body),
    'length and chunked': post([`Content-Length: ${length}`, 'Transfer-Encoding: chunked'], chunked),
    'chunked and length': post(['Transfer-Encoding: chunked', 'Content-Length: 5'], chunked),
    xchunked: post(['Transfer-Encoding: xchunked'], chunked),
    'chunked twice': post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked),
    'gzip, chunked': post(['Transfer-Encoding: gzip, chunked'], chunked),
    'chunked, identity': post(['Transfer-Encoding: chunked, identity'], chunked),
    identity: post(['Transfer-Encoding: identity'], body),
    'an empty encoding': post(['Transfer-Encoding: '], chunked),
    'a length that is no number': post(['Content-Length: abc'], body),
    'a signed length': post([`Content-Length: +${length}`], body),
    'a negative length': post(['Content-Length: -1'], body),
    'a hexadecimal length': post(['Content-Length: 0x2a'], body),
    'a list of lengths': post([`Content-Length: ${length}, ${length}`], body),
    'an empty length': post(['Content-Length: '], body),
    'a length beyond every integer': post(['Content-Length: 99999999999999999999999'], body),
    'two hosts': post(['Host: other', `Content-Length: ${length}`], body),
    'two idempotency keys': post(['Idempotency-Key: a', 'Idempotency-Key: b', `Content-Length: ${length}`], body),
    'a malformed chunk': post(['Transfer-Encoding: chunked'], `zz\r\n${body}\r\n0\r\n\r\n`),
  };
  for (const [name, text] of Object.entries(cases)) {
    const answer = await rawRequest(port, text);
    t.equal(answer.status, 400, name);
    t.equal(answer.closed, true, `${name}: closed`);
  }
  t.equal(engine.events.size, 0, 'nothing was stored');
  t.equal((await rawRequest(port, postText(events, body))).status, 201, 'and it still works');
});

t.test('a request smuggled in behind such a request is never answered (F30)', async (t) => {
  const { port, engine } = await setupGateway(t);
  const chunked = `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  for (const [name, headers, rest] of [
    ['behind the first of two lengths', [`Content-Length: ${length}`, 'Content-Length: 900'], body],
    ['behind the second of two lengths', ['Content-Length: 900', `Content-Length: ${length}`], body],
    ['behind a body of unknown encoding', ['Transfer-Encoding: xchunked'], chunked],
    ['behind an encoding given twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked],
    ['behind a length without a number', ['Content-Length: '], ''],
  ] as const) {
    for (const second of [smuggled, postText(events, body)]) {
      const client = rawConnect(port);
      client.socket.write(post(headers, rest + second));
      await client.until(() => client.isClosed());
      client.socket.destroy();
      t.ok(client.isClosed(), `${name}: closed`);
      t.notMatch(client.text(), /HTTP\/1\.1 20/, `${name}: not answered`);
    }
  }
  t.equal(engine.events.size, 0, 'nothing was stored');
});

t.test('our own refusals of such requests are problem documents with a request id', async (t) => {
  const { port } = await setupGateway(t);
  const answer = await rawRequest(port, post([`Content-Length: ${length}`, 'Content-Length: 5'], body));
  t.match(JSON.parse(answer.body), { code: 'malformed-request', status: 400, detail: /content-length/ });
  t.equal(answer.headers['content-type'], 'application/problem+json');
  t.ok(answer.headers['x-request-id']);
});

t.test('chunked bodies are accepted, in any case and any cut', async (t) => {
  const { port } = await setupGateway(t);
  t.equal(
    (await rawRequest(port, post(['Transfer-Encoding: Chunked'], `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`))).status,
    201,
  );
  const pieces = [...body].map((character) => `1\r\n${character}\r\n`);
  t.equal((await rawRequest(port, post(['Transfer-Encoding: chunked'], ''), ...pieces, '0\r\n\r\n')).status, 201);
});

t.test('a head and a body that arrive in pieces are put together', async (t) => {
  const { port } = await setupGateway(t);
  const text = postText(events, body);
  const firstLine = text.indexOf('\r\n') + 2;
  const pieces = [text.slice(0, firstLine + 3), ...text.slice(firstLine + 3).match(/[\s\S]{1,7}/g)!];
  t.equal((await rawRequest(port, ...pieces)).status, 201);
});

t.test('requests on one connection are answered one after the other', async (t) => {
  const { port, engine } = await setupGateway(t);
  const client = rawConnect(port);
  t.teardown(() => client.socket.destroy());
  for (let round = 1; round <= 5; round++) {
    client.socket.write(postText(events, body));
    await client.until((text) => text.split('HTTP/1.1 201').length > round && text.endsWith('}'));
  }
  t.equal(engine.events.size, 5);
  t.notOk(client.isClosed());
});

t.test('a connection goes on behind the answer to a HEAD', async (t) => {
  const { port } = await setupGateway(t);
  const client = rawConnect(port);
  client.socket.write(`HEAD ${events} HTTP/1.1\r\nHost: test\r\n\r\n`);
  await client.until(() => client.text().endsWith('\r\n\r\n'));
  t.match(client.text(), /^HTTP\/1\.1 200 [\s\S]*\r\ncontent-length: [1-9]/i, 'the length is that of the body of another method');
  client.socket.write(postText(events, body));
  await client.until(() => client.text().includes('HTTP/1.1 201') || client.isClosed());
  t.match(client.text(), /HTTP\/1\.1 201/);
  t.notOk(client.isClosed());
  client.socket.destroy();
});

t.test('line breaks never get into the head of an answer', async (t) => {
  const { port } = await setupGateway(t);
  for (const requestId of ['a\rSet-Cookie: x', 'a\u0000b', 'a\tb', 'é'.repeat(3)]) {
    const client = rawConnect(port);
    client.socket.write(`GET /health HTTP/1.1\r\nHost: test\r\nX-Request-Id: ${requestId}\r\nX-Other: 1\r\n\r\n`);
    await client.until((text) => text.endsWith('}'), 200);
    client.socket.destroy();
    t.notMatch(client.text(), /set-cookie/i, 'refused by silence or answered with an id of our own');
    if (client.text() !== '') t.match(client.text(), /X-Request-Id: [0-9a-f]{12}-\w+\r\n/);
  }
  const answer = await rawRequest(port, 'GET /%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: test\r\n\r\n');
  t.equal(answer.status, 404);
  t.equal(answer.headers['set-cookie'], undefined);
});

t.test('what is not HTTP is closed, and what is too long in the head as well', async (t) => {
  const { port } = await setupGateway(t);
  t.equal((await rawRequest(port, '\u0016\u0003\u0001 hello, this is TLS\r\n\r\n')).status, 505);
  t.equal((await rawRequest(port, `GET /health HTTP/1.1\r\nHost: test\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`)).status, 431);
  t.equal((await rawRequest(port, 'GET /health HTTP/1.0\r\nHost: test\r\n\r\n')).status, 505);
  t.equal((await rawRequest(port, 'GET /health HTTP/1.1\r\nHost: test\r\n\r\n')).status, 200);
});

t.test('a client that leaves before its answer disturbs nobody', async (t) => {
  const { port, engine, call, defects } = await setupGateway(t);
  let open: () => void = () => undefined;
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  for (const text of [postText(events, body), postText(events, body).slice(0, -5), postText(events, body).slice(0, 60)]) {
    const client = rawConnect(port);
    client.socket.write(text);
    await client.until(() => false, 30);
    await until('the whole one is under way', () => engine.calls === 1);
    client.socket.resetAndDestroy();
  }
  open();
  t.equal((await call('GET', '/health')).status, 200);
  t.equal((await call('POST', events, { destination: 'https://example.org/' })).status, 201);
  t.equal(engine.events.size, 2, 'the whole one was taken, the others were not');
  t.same(defects, []);
});

t.test('one address cannot take all connections', async (t) => {
  const { port, call } = await setupGateway(t, { connectionsPerAddress: 8 });
  const clients: ReturnType<typeof rawConnect>[] = [];
  for (let index = 0; index < 24; index++) {
    const client = rawConnect(port);
    clients.push(client);
    await client.until(() => false, 5);
  }
  const open = () => clients.filter((client) => !client.isClosed()).length;
  // The first count is taken while connections go on being opened, so a few more than the limit may have got in.
  await until('the others are closed', () => open() <= 17);
  t.ok(open() >= 8, `${open()} of 24 stayed open`);
  for (const client of clients) client.socket.destroy();
  await until('room again once they have gone', async () => (await call('GET', '/health').catch(() => null))?.status === 200);
});

t.test('a stop lets requests under way finish, refuses the next and closes what is idle', async (t) => {
  const { port, engine, close } = await setupGateway(t);
  let open: () => void = () => undefined;
  const idle = rawConnect(port);
  const busy = rawConnect(port);
  const next = rawConnect(port);
  idle.socket.write('GET /health HTTP/1.1\r\nHost: test\r\n\r\n');
  next.socket.write('GET /health HTTP/1.1\r\nHost: test\r\n\r\n');
  await Promise.all([idle, next].map((client) => client.until((text) => text.includes('200 OK'))));
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  busy.socket.write(postText(events, body));
  await until('it is under way', () => engine.calls === 1);
  const closed = close();
  next.socket.write(postText(events, body));
  await next.until((text) => text.includes('"code":"stopping"'));
  t.match(next.text(), /503 Service Unavailable[\s\S]*Retry-After: 5/);
  open();
  await closed;
  await Promise.all([idle, busy, next].map((client) => client.until(() => client.isClosed())));
  t.match(busy.text(), /^HTTP\/1\.1 201 Created/);
  t.ok([idle, busy, next].every((client) => client.isClosed()));
  t.equal(engine.events.size, 1);
});

t.test('a second gateway on the same port is refused in one line', async (t) => {
  const { port } = await setupGateway(t);
  await t.rejects(setupGateway(t, { config: { role: 'serve', host: '127.0.0.1', port, tls: null, apiKeys: null } }), {
    name: 'StartError',
    message: /cannot listen on 127\.0\.0\.1 port \d+/,
  });
  await t.rejects(
    setupGateway(t, {
      config: { role: 'serve', host: '127.0.0.1', port: 0, tls: { certFile: '/nowhere', keyFile: '/nowhere' }, apiKeys: null },
    }),
    {
      name: 'StartError',
      message: /TLS/,
    },
  );
});
