import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import t, { type Test } from 'tap';
import { type DeliveryResult, withheld } from '../../engine/dispatch/deliverer.js';
import { createEgressPolicy, type EgressMode, parseEgressAllow } from '../../engine/dispatch/egress.js';
import { HttpDeliverer } from '../../engine/dispatch/http-deliverer.js';
import type { Resolve } from '../../engine/dispatch/resolver.js';
import { Signer } from '../../engine/dispatch/signer.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { until } from '../support/deadline.js';
import { deliveryOf } from './fixtures.js';
import { startNastyServer } from './nasty-server.js';

const secrets = [1, 2].map((fill) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`);

interface Setup {
  readonly egress?: EgressMode;
  readonly allow?: string;
  readonly resolve?: Resolve;
}

async function setup(t: Test, { egress = 'network', allow = '', resolve }: Setup = {}) {
  const server = await startNastyServer(t);
  const deliverer = new HttpDeliverer({
    policy: createEgressPolicy({ mode: egress, allow: parseEgressAllow(allow) }),
    signer: new Signer(secrets),
    userAgent: 'escapement/0.0.0-test',
    ...(resolve === undefined ? {} : { resolve }),
  });
  t.teardown(() => deliverer.close());
  const send = (path: string, spec: Partial<EventSpec> = {}): Promise<DeliveryResult> =>
    deliverer.deliver(
      deliveryOf({ spec: { destination: `http://127.0.0.1:${server.port}${path}`, timeoutMs: 10_000, ...spec } }),
    );
  /** Both sides have let go of everything that was given up. */
  const noneLeft = async (most: number) => {
    for (let round = 0; round < 200 && server.sockets.size > most; round++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return server.sockets.size <= most;
  };
  return { server, deliverer, send, noneLeft };
}

/** Path, then the result. */
type Expected = readonly [path: string, kind: string, statusCode: number | null, error: string | null, unhealthy: boolean];

const timedOut = 'timed out after 150 ms';

const misbehaving: readonly Expected[] = [
  ['/never', 'failed', null, timedOut, true],
  ['/drip-status', 'failed', null, 'answer is not valid HTTP', true],
  ['/drip-headers', 'failed', null, timedOut, true],
  ['/drip-body', 'failed', 200, timedOut, true],
  ['/endless-informational', 'failed', null, timedOut, true],
  ['/endless', 'delivered', 200, null, false],
  ['/endless-500', 'failed', 500, 'HTTP 500', true],
  ['/giant-headers', 'failed', null, 'answer has more than 16384 bytes of headers', true],
  ['/many-headers', 'failed', null, 'answer has more than 16384 bytes of headers', true],
  ['/mid-body', 'failed', 200, 'connection closed before the answer was complete', true],
  ['/mid-chunk', 'failed', 200, 'connection closed before the answer was complete', true],
  ['/mid-headers', 'failed', null, 'connection closed before the answer was complete', true],
  ['/close', 'failed', null, 'connection closed before the answer was complete', true],
  ['/reset', 'failed', null, 'connection reset by the destination', true],
  ['/not-http', 'failed', null, 'answer is not valid HTTP', true],
  ['/bad-length', 'failed', null, 'answer is not valid HTTP', true],
  ['/two-lengths', 'failed', null, 'answer is not as long as it says', true],
  ['/status-99', 'failed', null, 'answer is not valid HTTP', true],
  ['/continue', 'failed', null, 'answer is a 100 or 101, which was not asked for', true],
  ['/switch', 'failed', null, 'answer is a 100 or 101, which was not asked for', true],
  ['/twice', 'delivered', 200, null, false],
  ['/hints', 'delivered', 204, null, false],
  ['/until-close', 'delivered', 200, null, false],
];

t.test('whatever the destination does, an attempt ends once, in time, and leaves no connection behind (F23)', async (t) => {
  const { send, deliverer, noneLeft } = await setup(t);
  const results: DeliveryResult[] = [];
  for (const [path, , , error] of misbehaving) results.push(await send(path, { timeoutMs: error === timedOut ? 150 : 10_000 }));
  for (const [at, [path, kind, statusCode, error, unhealthy]] of misbehaving.entries()) {
    const result = results[at]!;
    t.same([result.kind, result.statusCode, result.error, result.unhealthy], [kind, statusCode, error, unhealthy], path);
  }
  t.equal(deliverer.connections.busy, 0);
  await deliverer.close();
  t.ok(await noneLeft(0), 'no socket is open');
});

t.test('a connection that is reset in the middle of the answer is a failed attempt', async (t) => {
  const { send } = await setup(t);
  const result = await send('/reset-mid-body');
  t.equal(result.kind, 'failed');
  t.match(result.error, /^connection (reset by the destination|closed before the answer was complete)$/);
});

t.test('what is given up is closed at once, not when the destination comes to its end', async (t) => {
  const { send, deliverer, noneLeft } = await setup(t);
  await Promise.all(['/never', '/drip-body', '/endless', '/drip-headers'].map((path) => send(path, { timeoutMs: 100 })));
  t.same(deliverer.connections, { busy: 0, idle: 0 });
  t.ok(await noneLeft(0));
});

t.test('the status decides: 2xx delivered, 410 gone, everything else failed; redirects are not followed', async (t) => {
  const { send, server } = await setup(t);
  const expected: readonly (readonly [path: string, kind: string, error: string | null, unhealthy: boolean])[] = [
    ['/200', 'delivered', null, false],
    ['/300', 'failed', 'HTTP 300', false],
    ['/302', 'failed', 'HTTP 302', false],
    ['/307', 'failed', 'HTTP 307', false],
    ['/404', 'failed', 'HTTP 404', false],
    ['/410', 'gone', 'HTTP 410', false],
    ['/429', 'failed', 'HTTP 429', false],
    ['/503', 'failed', 'HTTP 503', true],
    ['/599', 'failed', 'HTTP 599', true],
  ];
  for (const [path, kind, error, unhealthy] of expected) {
    const result = await send(path);
    t.same(
      [result.kind, result.statusCode, result.error, result.unhealthy],
      [kind, Number(path.slice(1)), error, unhealthy],
      path,
    );
    t.equal(Buffer.from(result.responseBody!).toString(), 'ok');
  }
  t.equal(server.requests.length, expected.length, 'one request each');
  t.equal(server.accepted(), 1, 'over one connection');
});

t.test('Retry-After in seconds or as a date is reported with a failure, at most a day', async (t) => {
  const { send } = await setup(t);
  t.equal((await send('/503')).retryAfterMs, 3_000);
  t.equal((await send('/429')).retryAfterMs, 12_000);
  t.equal((await send('/503-far')).retryAfterMs, 86_400_000);
  const date = (await send('/503-date')).retryAfterMs!;
  t.ok(date > 55_000 && date <= 60_000, `${date}`);
  t.equal((await send('/410')).retryAfterMs, null, 'there is no next attempt');
  t.equal((await send('/200')).retryAfterMs, null);
});

t.test('of a long answer 1 KiB is kept', async (t) => {
  const { send } = await setup(t);
  const result = await send('/endless');
  t.equal(Buffer.from(result.responseBody!).toString(), 'x'.repeat(1_024));
  t.equal((await send('/hints')).responseBody, null, 'none is none');
});

t.test('a receiver gets the bytes as they came, signed, with the documented headers', async (t) => {
  const { server, deliverer } = await setup(t);
  const payload = Buffer.from('{ "b":1.00,"a":12345678901234567890,\n"ü":"⏱\\u00e9" }');
  const delivery = deliveryOf(
    {
      attempt: 2,
      dueAtMs: Date.now() - 7,
      spec: {
        destination: `http://127.0.0.1:${server.port}/200`,
        payload,
        headers: [
          ['x-team', 'a'],
          ['authorization', 'Bearer t'],
        ],
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    },
    7.1234,
  );
  t.equal((await deliverer.deliver(delivery)).kind, 'delivered');
  const [head, body] = server.requests[0]!.split('\r\n\r\n') as [string, string];
  t.ok(Buffer.from(body, 'latin1').equals(payload), 'the bytes');
  const headers = Object.fromEntries(
    head
      .split('\r\n')
      .slice(1)
      .map((text) => text.split(': ', 2) as [string, string]),
  );
  const id = formatEventId(delivery.attempt.event);
  t.match(head, /^POST \/200 HTTP\/1\.1\r\n/);
  t.match(headers, {
    host: `127.0.0.1:${server.port}`,
    'content-type': 'application/json',
    'content-length': String(payload.length),
    'user-agent': 'escapement/0.0.0-test',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(delivery.startedAtMs / 1_000)),
    'idempotency-key': id,
    'escapement-attempt': '2',
    'escapement-scheduled-at': '2026-11-20T12:00:00.000Z',
    'escapement-lag-ms': '7.123',
    'x-team': 'a',
    authorization: 'Bearer t',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  for (const secret of secrets) new Webhook(secret).verify(payload.toString(), headers);
});

t.test(
  'what may not leave any more when its connection is there is not sent, on a new connection or a kept one (F11)',
  async (t) => {
    const lookUps: (() => void)[] = [];
    let mayLeave = true;
    const { deliverer, server, noneLeft } = await setup(t, {
      resolve: (_, done) => lookUps.push(() => done(null, [{ address: '127.0.0.1', family: 4 }])),
    });
    const send = (): Promise<DeliveryResult> =>
      deliverer.deliver({
        ...deliveryOf({ spec: { destination: `http://receiver.test:${server.port}/200`, timeoutMs: 10_000 } }),
        mayLeave: () => mayLeave,
      });
    const connect = async (): Promise<void> => (await until('its name is looked up', () => lookUps.shift()))();
    const early = send();
    mayLeave = false;
    await connect();
    t.equal(await early, withheld);
    t.ok(await noneLeft(0), 'its connection is closed');
    mayLeave = true;
    const inTime = send();
    await connect();
    t.equal((await inTime).kind, 'delivered');
    t.same(deliverer.connections, { busy: 0, idle: 1 });
    mayLeave = false;
    t.equal(await send(), withheld);
    t.equal(server.requests.length, 1);
    t.same(deliverer.connections, { busy: 0, idle: 0 });
  },
);

t.test('a payload of 256 KiB arrives whole', async (t) => {
  const { send, server } = await setup(t);
  const payload = Buffer.from(`"${'é'.repeat(131_000)}"`);
  t.equal((await send('/200', { payload })).kind, 'delivered');
  const body = server.requests[0]!.slice(server.requests[0]!.indexOf('\r\n\r\n') + 4);
  t.equal(createHash('sha256').update(body, 'latin1').digest('hex'), createHash('sha256').update(payload).digest('hex'));
});

t.test('every method goes out as asked, with and without a payload', async (t) => {
  const { send, server } = await setup(t);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const) {
    for (const payload of [null, Buffer.from('[1]')]) {
      t.equal((await send('/200', { method, payload })).kind, 'delivered', method);
      const request = server.requests.at(-1)!;
      t.ok(request.startsWith(`${method} /200 `));
      t.equal(request.includes('content-type'), payload !== null);
      t.equal(request.endsWith('\r\n\r\n[1]'), payload !== null);
    }
  }
});

t.test("a producer's own content type, agent and trace stand; what is ours cannot be forged (F31)", async (t) => {
  const { send, server } = await setup(t);
  const headers: [string, string][] = [
    ['content-type', 'application/cloudevents+json'],
    ['user-agent', 'mine/1'],
    ['traceparent', 'theirs'],
    ['webhook-id', 'forged'],
    ['webhook-signature', 'v1,forged'],
    ['escapement-attempt', '99'],
    ['idempotency-key', 'forged'],
    ['host', 'forged'],
    ['transfer-encoding', 'chunked'],
  ];
  t.equal((await send('/200', { headers, traceparent: 'ours' })).kind, 'delivered');
  const request = server.requests[0]!;
  t.notMatch(request, /forged|chunked|: 99|ours|application\/json|escapement\/0/);
  for (const name of ['content-type', 'user-agent', 'traceparent', 'webhook-id', 'host']) {
    t.equal(request.split(`\r\n${name}: `).length, 2, `${name} once`);
  }
});

t.test('a stored header that could end a line is a failed attempt and never sent', async (t) => {
  const { send, server, deliverer } = await setup(t);
  const result = await send('/200', { headers: [['x-a', 'b\r\nx-c: d']] });
  t.equal(result.kind, 'failed');
  t.match(result.error, /^request cannot be sent: /);
  t.equal(server.requests.length, 0);
  t.same(deliverer.connections, { busy: 0, idle: 0 });
});

t.test('connections are used again and never shared', async (t) => {
  const { send, server, deliverer } = await setup(t);
  for (let round = 0; round < 5; round++) {
    const results = await Promise.all(Array.from({ length: 8 }, () => send('/200')));
    t.ok(results.every(({ kind }) => kind === 'delivered'));
  }
  t.equal(server.accepted(), 8);
  t.same(deliverer.connections, { busy: 0, idle: 8 });
});

t.test('an answer that nobody asked for is not taken for that of the next request', async (t) => {
  const { send } = await setup(t);
  for (let round = 0; round < 5; round++) {
    t.equal((await send('/twice')).statusCode, 200);
    t.equal((await send('/404')).statusCode, 404);
  }
});

t.test('no connection, no name, no TLS: a short sentence each', async (t) => {
  const { send, deliverer } = await setup(t, {
    resolve: (hostname, done) => done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), []),
  });
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const refused = await send('', { destination: `http://127.0.0.1:${port}/` });
  t.same([refused.kind, refused.error, refused.unhealthy], ['failed', 'connection refused', true]);
  const unknown = await send('', { destination: 'http://nowhere.test/' });
  t.same([unknown.error, unknown.unhealthy], ['host name not found', true]);
  t.same(deliverer.connections, { busy: 0, idle: 0 });
});

t.test('a server that does not speak TLS fails the handshake', async (t) => {
  const { send } = await setup(t);
  const plain = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  t.teardown(() => plain.close());
  const result = await send('', { destination: `https://127.0.0.1:${(plain.address() as AddressInfo).port}/` });
  t.same([result.kind, result.unhealthy], ['failed', true]);
  t.match(result.error, /^TLS: [a-z ]+$/, 'what OpenSSL says of it, without the places in its sources');
});

t.test('an attempt whose time is up while it is still connecting takes the connection with it', async (t) => {
  const { send, deliverer, noneLeft } = await setup(t, {
    resolve: () => {
      // A name server that never answers.
    },
  });
  const results = await Promise.all(
    Array.from({ length: 20 }, () => send('', { destination: 'http://slow.test/', timeoutMs: 100 })),
  );
  for (const { error } of results) t.equal(error, 'timed out after 100 ms');
  t.same(deliverer.connections, { busy: 0, idle: 0 });
  t.ok(await noneLeft(0));
});

t.test('a forbidden destination is refused when connecting, in every form, and nothing is sent (F32)', async (t) => {
  const { send, server } = await setup(t, { egress: 'public' });
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    'localhost',
  ]) {
    const result = await send('', { destination: `http://${host}:${server.port}/200` });
    t.same([result.kind, result.unhealthy], ['failed', false], host);
    t.match(result.error, /^egress-refused: (localhost resolves to a refused address: )?\S+ is not a public address$/, host);
  }
  t.equal(server.accepted(), 0);
});

t.test('a name that changes its mind is connected to only where it was checked (F32)', async (t) => {
  const answers = [
    [
      { address: '93.184.216.34', family: 4 },
      { address: '169.254.169.254', family: 4 },
    ],
    [{ address: '169.254.169.254', family: 4 }],
    [{ address: 'fd00:ec2::254', family: 6 }],
    [{ address: '::ffff:169.254.169.254', family: 6 }],
    [{ address: '127.0.0.1', family: 4 }],
    [{ address: '169.254.169.254', family: 4 }],
  ];
  let asked = 0;
  const { send, server } = await setup(t, { resolve: (_hostname, done) => done(null, answers[asked++]!) });
  const results: DeliveryResult[] = [];
  for (let round = 0; round < answers.length; round++) {
    const path = round === 4 ? '/until-close' : '/200';
    results.push(await send('', { destination: `http://flip.test:${server.port}${path}` }));
  }
  t.same(
    results.map(({ error }) => error),
    [
      'egress-refused: flip.test resolves to a refused address: 169.254.169.254 is a cloud metadata address',
      'egress-refused: flip.test resolves to a refused address: 169.254.169.254 is a cloud metadata address',
      'egress-refused: flip.test resolves to a refused address: fd00:ec2::254 is a cloud metadata address',
      'egress-refused: flip.test resolves to a refused address: ::ffff:169.254.169.254 is a cloud metadata address',
      null,
      'egress-refused: flip.test resolves to a refused address: 169.254.169.254 is a cloud metadata address',
    ],
  );
  t.equal(asked, answers.length, 'each connection asked once: the checked address is the one connected to');
  t.equal(server.accepted(), 1);
  t.match(server.requests[0], `host: flip.test:${server.port}`);
});

t.test('an allowed host is connected to whatever it resolves to', async (t) => {
  const { send, server } = await setup(t, {
    egress: 'public',
    allow: 'inside.test',
    resolve: (_hostname, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
  });
  t.equal((await send('', { destination: `http://inside.test:${server.port}/200` })).kind, 'delivered');
  t.match((await send('', { destination: `http://outside.test:${server.port}/200` })).error, /^egress-refused/);
});

t.test('closing ends what runs and refuses what comes', async (t) => {
  const { send, deliverer, noneLeft } = await setup(t);
  const running = send('/never');
  await new Promise((resolve) => setImmediate(resolve));
  await deliverer.close();
  t.equal((await running).error, 'the courier was closed');
  t.equal((await send('/200')).error, 'the courier is closed');
  t.ok(await noneLeft(0));
});
