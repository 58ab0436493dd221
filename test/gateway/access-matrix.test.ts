/** F33: every call of the table, with every state of credentials, and every spelling that might slip past. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type KeyScope, keyScopes, mintApiKey, type RateLimit } from '../../gateway/access/api-key.js';
import { changeKeyFile } from '../../gateway/access/key-file.js';
import { type Route, routes } from '../../gateway/routes.js';
import { until, within } from '../support/deadline.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import { setupGateway } from '../support/gateway.js';
import { rawConnect, rawRequest } from '../support/raw-http.js';

const stream = '/api/v1/stream';
const upgradeLines = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

async function setup(t: Test, rateLimit: RateLimit | null = null) {
  const file = join(t.testdir(), 'keys.json');
  const mint = (name: string, scopes: readonly KeyScope[], limit: RateLimit | null = null) =>
    mintApiKey({ name, scopes, rateLimit: limit, createdAt: '2026-11-20T10:00:00.000Z' });
  const keys = {
    read: mint('read', ['read']),
    write: mint('write', ['write']),
    admin: mint('admin', ['admin']),
    all: mint('all', keyScopes),
    limited: mint('limited', ['read'], rateLimit ?? { requests: 1_000, windowS: 60 }),
    revoked: mint('revoked', keyScopes),
  };
  const { revoked, ...valid } = keys;
  changeKeyFile(file, () => Object.values(valid).map(({ key }) => key));
  const gateway = await setupGateway(t, { config: { role: 'serve', host: '127.0.0.1', port: 0, tls: null, apiKeys: file } });
  const send = (lines: readonly string[], [method, target]: readonly [string, string]) =>
    rawRequest(gateway.port, [`${method} ${target} HTTP/1.1`, 'Host: test', 'Content-Length: 0', ...lines, '', ''].join('\r\n'));
  return { ...gateway, file, keys, revoked, send };
}

/** Of the first answer, whatever its form; 0 when the connection is closed without one. */
async function statusOf(port: number, request: string): Promise<number> {
  const client = rawConnect(port);
  client.socket.write(request);
  await client.until((text) => text.includes('\r\n\r\n'));
  client.socket.destroy();
  return Number(client.text().split(' ')[1] ?? 0);
}

const pathOf = ({ path }: Route): string => path.replace(/\{\w+\}/, 'x');

t.test('every call, with every state of credentials', async (t) => {
  const { send, keys, revoked, engine } = await setup(t);
  const { token } = keys.all;
  const otherSecret = `${token.slice(0, 30)}${token[30] === 'A' ? 'B' : 'A'}${token.slice(31)}`;
  const nobody: Readonly<Record<string, readonly string[]>> = {
    'no header': [],
    'an empty header': ['Authorization:'],
    'another scheme': [`Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}`],
    'no scheme': [`Authorization: ${token}`],
    'the scheme alone': ['Authorization: Bearer'],
    'two tokens': [`Authorization: Bearer ${token} ${token}`],
    'a token in quotes': [`Authorization: Bearer "${token}"`],
    'a revoked key': [`Authorization: Bearer ${revoked.token}`],
    'another secret': [`Authorization: Bearer ${otherSecret}`],
    'the digest': [`Authorization: Bearer ${keys.all.key.digest.toString('hex')}`],
    'another header': [`X-Api-Key: ${token}`, `Cookie: token=${token}`, `Proxy-Authorization: Bearer ${token}`],
  };
  for (const route of routes) {
    const call = [route.method, pathOf(route)] as const;
    const name = call.join(' ');
    const isOpen = route.scope === 'none';
    for (const [state, lines] of Object.entries(nobody)) {
      const answer = await send(lines, call);
      if (isOpen) t.not(answer.status, 401, `${name} asks for no key`);
      else {
        t.equal(answer.status, 401, `${name} with ${state}`);
        t.match(answer.headers['www-authenticate'], /^Bearer realm="escapement"/);
        t.match(JSON.parse(answer.body), { code: 'unauthenticated', retryable: false });
        t.notMatch(answer.body, token.slice(21));
      }
    }
    if (isOpen) continue;
    t.equal((await send([`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`], call)).status, 400, 'two headers');
    if (!route.tokenInQuery)
      t.equal((await send([], [call[0], `${call[1]}?token=${token}`])).status, 401, `${name} with a token in the query`);
    for (const scope of keyScopes) {
      const answer = await send([`Authorization: Bearer ${keys[scope].token}`], call);
      if (scope === route.scope) t.notOk([401, 403].includes(answer.status), `${name} with ${scope}: ${answer.status}`);
      else {
        t.equal(answer.status, 403, `${name} with ${scope}`);
        t.match(answer.headers['www-authenticate'], `error="insufficient_scope", scope="${route.scope}"`);
      }
    }
    for (const scheme of ['bearer', 'BEARER'])
      t.notOk([401, 403].includes((await send([`Authorization: ${scheme} ${token}`], call)).status), `${name} with ${scheme}`);
  }
  t.equal(engine.events.size, 0);
});

t.test('another spelling of a path is another path, or asks for the same key', async (t) => {
  const { port } = await setup(t);
  const spellings = (path: string): string[] => [
    path.toUpperCase(),
    path.replace('/api', '/API'),
    path.replace('events', 'Events'),
    `/${path}`,
    path.replace('/v1/', '/v1//'),
    `${path}/`,
    `${path}/.`,
    `${path}/..`,
    path.replace('/v1/', '/v1/./'),
    path.replace('/v1/', '/v1/x/../'),
    `/health/..${path}`,
    `/problems/..%2f${path.slice(1)}`,
    path.replace('/v1/', '%2fv1/'),
    path.replaceAll('/', '%2F'),
    path.replace('events', '%65vents'),
    `${path};/health`,
    `${path}%00`,
    `${path}%3f`,
    `${path}#/health`,
    path.replaceAll('/', '\\'),
    `http://127.0.0.1${path}`,
  ];
  for (const route of routes.filter(({ scope }) => scope !== 'none')) {
    for (const target of [...spellings(pathOf(route)), `${pathOf(route)}?`, `${pathOf(route)}?/health`]) {
      for (const method of [route.method, 'HEAD', 'OPTIONS', route.method.toLowerCase()]) {
        const status = await statusOf(port, `${method} ${target} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`);
        t.ok([400, 401, 404, 405, 505].includes(status), `${method} ${target}: ${status}`);
      }
    }
  }
});

t.test('headers that name another method or path change nothing', async (t) => {
  const { send } = await setup(t);
  const lines = [
    'X-HTTP-Method-Override: GET',
    'X-Original-URL: /health',
    'X-Rewrite-URL: /health',
    'X-Forwarded-For: 127.0.0.1',
  ];
  for (const route of routes.filter(({ scope }) => scope !== 'none'))
    t.equal((await send(lines, [route.method, pathOf(route)])).status, 401);
});

t.test('an upgrade asks for the same key, in the header or in the query', async (t) => {
  const { send, keys, revoked, url } = await setup(t);
  const { read, write } = keys;
  for (const target of [
    stream,
    `${stream}?token=`,
    `${stream}?token=${revoked.token}`,
    `${stream}?token=${read.token}&token=${read.token}`,
  ]) {
    const answer = await send(upgradeLines, ['GET', target]);
    t.equal(answer.status, 401, target);
    t.match(answer.headers['www-authenticate'], /^Bearer/);
  }
  t.equal((await send(upgradeLines, ['GET', `${stream}?token=${write.token}`])).status, 403);
  t.equal(
    (await send([...upgradeLines, `Authorization: Bearer ${revoked.token}`], ['GET', `${stream}?token=${read.token}`])).status,
    401,
    'the header decides',
  );
  for (const target of [`${stream}/`, stream.toUpperCase(), `/${stream}`, stream.replace('stream', '%73tream')])
    t.ok([400, 401, 404].includes((await send(upgradeLines, ['GET', target])).status), target);
  const open = (target: string, headers: Record<string, string> = {}) =>
    new Promise<boolean>((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws') + target, { headers });
      t.teardown(() => socket.terminate());
      socket.once('open', () => resolve(true)).once('error', () => resolve(false));
    });
  t.ok(await open(`${stream}?token=${read.token}`));
  t.ok(await open(stream, { authorization: `Bearer ${read.token}` }));
  t.notOk(await open(stream));
});

t.test('an open stream ends when its key is revoked, others go on', async (t) => {
  const { keys, url, file } = await setup(t);
  const connect = async (token: string) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${stream}?token=${token}`);
    t.teardown(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return socket;
  };
  const [goes, stays] = [await connect(keys.read.token), await connect(keys.all.token)];
  const code = new Promise<number>((resolve) => goes.once('close', resolve));
  changeKeyFile(file, (now) => now.filter(({ name }) => name !== 'read'));
  t.equal(await within('the stream ends', code), 1008);
  t.equal(stays.readyState, WebSocket.OPEN);
});

t.test('an event stream takes the key in its query, and ends when the key is revoked', async (t) => {
  const { keys, url, file } = await setup(t);
  const path = `${stream}/sse`;
  const connect = async (query: string) => {
    const client = await EventStreamClient.connect(url, path + query);
    t.teardown(() => client.close());
    return client;
  };
  t.equal((await connect('')).response.statusCode, 401);
  t.equal((await connect(`?token=${keys.write.token}`)).response.statusCode, 403);
  const [goes, stays] = [await connect(`?token=${keys.read.token}`), await connect(`?token=${keys.all.token}`)];
  await until('both are open', () => goes.events.length > 0 && stays.events.length > 0);
  changeKeyFile(file, (now) => now.filter(({ name }) => name !== 'read'));
  await until('the stream ends', () => goes.isClosed);
  t.notOk(stays.isClosed);
});

t.test('an event stream does not begin if the key is revoked before it does', async (t) => {
  const { keys, url, port, file, engine } = await setup(t);
  let open!: () => void;
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  const path = `${stream}/sse?token=${keys.read.token}`;
  const client = rawConnect(port);
  client.socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  const isKnown = async () =>
    (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${keys.read.token}` } })).status === 200;
  t.ok(await isKnown());
  changeKeyFile(file, (now) => now.filter(({ name }) => name !== 'read'));
  await until('the key is revoked', async () => !(await isKnown()));
  t.equal(client.text(), '');
  open();
  await client.until((text) => text.includes('invalid_token'));
  t.match(client.text(), /^HTTP\/1\.1 401 /);
  t.equal(engine.subscriptions.size, 0);
  client.socket.destroy();
});

t.test('the answer that opens a WebSocket has a request id and what is left of a rate limit, as every answer', async (t) => {
  const { keys, url } = await setup(t, { requests: 3, windowS: 60 });
  const open = `${url.replace('http', 'ws')}${stream}?token=${keys.limited.token}`;
  const socket = new WebSocket(open, { headers: { 'x-request-id': 'mine-1' } });
  t.teardown(() => socket.terminate());
  const answer = await new Promise<IncomingMessage>((resolve, reject) => socket.once('upgrade', resolve).once('error', reject));
  t.match(answer, {
    statusCode: 101,
    headers: { upgrade: 'websocket', 'x-request-id': 'mine-1', ratelimit: /^"default";r=2;t=60$/ },
  });
  const refused = new WebSocket(`${open}&filter=x`);
  const refusal = await new Promise<IncomingMessage>((resolve) =>
    refused.once('unexpected-response', (_request, response) => resolve(response.resume())),
  );
  t.match(refusal, { statusCode: 422, headers: { ratelimit: /^"default";r=1;t=\d+$/ } });
});

t.test('a key with a rate limit hears what is left in every answer, and 429 when nothing is', async (t) => {
  const { send, keys } = await setup(t, { requests: 3, windowS: 60 });
  const ask = (call: readonly [string, string]) => send([`Authorization: Bearer ${keys.limited.token}`], call);
  const good = await ask(['GET', '/metrics']);
  t.match(good, { status: 200, headers: { 'ratelimit-policy': '"default";q=3;w=60', ratelimit: /^"default";r=2;t=60$/ } });
  t.match(await ask(['GET', '/api/v1/events/x']), { status: 404, headers: { ratelimit: /^"default";r=1;t=\d+$/ } });
  t.match(await ask(['POST', '/api/v1/events']), { status: 403, headers: { ratelimit: /^"default";r=0;t=\d+$/ } });
  const refused = await ask(['GET', '/metrics']);
  t.match(refused, {
    status: 429,
    headers: { 'ratelimit-policy': '"default";q=3;w=60', ratelimit: /^"default";r=0;t=\d+$/, 'retry-after': /^\d+$/ },
  });
  t.match(JSON.parse(refused.body), { code: 'rate-limited', status: 429, retryable: true });
  t.equal((await send(upgradeLines, ['GET', `${stream}?token=${keys.limited.token}`])).status, 429);
  t.equal((await ask(['GET', '/health'])).status, 200, 'what asks for no key counts none');
  t.equal((await send([`Authorization: Bearer ${keys.all.token}`], ['GET', '/metrics'])).headers['ratelimit'], undefined);
});

t.test('what is left is also said where a body is refused unread', async (t) => {
  const { port, keys } = await setup(t, { requests: 3, windowS: 60 });
  const lines = [
    'GET /metrics HTTP/1.1',
    'Host: test',
    `Authorization: Bearer ${keys.limited.token}`,
    'Content-Length: 100000000',
  ];
  const answer = await rawRequest(port, [...lines, '', ''].join('\r\n'));
  t.match(answer, { status: 413, headers: { 'ratelimit-policy': '"default";q=3;w=60', ratelimit: /^"default";r=2;t=60$/ } });
});

t.test('where no key is asked for, pages of other sites are strangers all the same', async (t) => {
  const { port, engine } = await setupGateway(t);
  const host = `127.0.0.1:${port}`;
  const statusFrom = (origin: string, [method, target]: readonly [string, string], lines: readonly string[] = []) =>
    statusOf(
      port,
      [`${method} ${target} HTTP/1.1`, `Host: ${host}`, `Origin: ${origin}`, 'Content-Length: 0', ...lines, '', ''].join('\r\n'),
    );
  const strangers = [
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://[::2]',
    'x',
    'file://',
    '',
  ];
  const known = [`http://${host}`, 'http://localhost:5173', 'https://127.0.0.1', 'http://[::1]:3000'];
  for (const route of routes) {
    const call = [route.method, pathOf(route)] as const;
    for (const origin of strangers) {
      const status = await statusFrom(origin, call);
      if (route.scope === 'none') t.not(status, 403);
      else t.equal(status, 403, `${call.join(' ')} from ${origin}`);
    }
    for (const origin of known) t.not(await statusFrom(origin, call), 403, `${call.join(' ')} from ${origin}`);
  }
  const withoutLength = (origin: string) =>
    statusOf(port, [`GET ${stream} HTTP/1.1`, `Host: ${host}`, `Origin: ${origin}`, ...upgradeLines, '', ''].join('\r\n'));
  for (const origin of strangers) t.equal(await withoutLength(origin), 403, `an upgrade from ${origin}`);
  for (const origin of known) t.equal(await withoutLength(origin), 101, `an upgrade from ${origin}`);
  t.equal(engine.events.size, 0);
});

t.test('a page of any site that has a key is let in', async (t) => {
  const { send, keys } = await setup(t);
  const answer = await send(
    ['Origin: https://dashboard.example', `Authorization: Bearer ${keys.read.token}`],
    ['GET', '/metrics'],
  );
  t.equal(answer.status, 200);
});
