import t from 'tap';
import { aheadMsMax, type EventSpec, payloadBytesMax } from '../../../engine/index.js';
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import type { EventContext } from '../../../gateway/input/event-input.js';
import { isRefusal, type Refusal } from '../../../gateway/input/refusal.js';
import { readWhole } from '../../../gateway/input/single-input.js';

const nowMs = Date.UTC(2026, 10, 20, 10);
const destination = 'https://example.org/hook';

function setup(overrides: Partial<EventContext> = {}) {
  const destinations = new DestinationCheck((type, name) => {
    if (type === 'LOCAL') return name === 'known' ? null : 'no such handler';
    if (type === 'NATS') return 'NATS is not configured';
    return name.includes('//169.254.') ? 'link-local' : null;
  });
  const context: EventContext = { nowMs, idempotencyKey: null, traceparent: null, destinations, ...overrides };
  const read = (body: object | string | Buffer) =>
    readWhole(Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), context);
  return {
    accept(body: object | string | Buffer): EventSpec & { timeGiven: boolean } {
      const result = read(body);
      if (isRefusal(result)) throw new Error(`refused: ${JSON.stringify(result)}`);
      return { ...result.spec, timeGiven: result.timeGiven };
    },
    refused(body: object | string | Buffer): Refusal {
      const result = read(body);
      if (!isRefusal(result)) throw new Error('accepted');
      return result;
    },
  };
}

t.test('an event with nothing but a destination gets every default', async (t) => {
  const spec = setup().accept({ destination });
  t.same(spec, {
    externalJobId: null,
    source: 'default',
    type: null,
    description: null,
    scheduledAtMs: nowMs,
    delayMs: null,
    deliveryType: 'HTTP',
    destination,
    method: 'POST',
    headers: [],
    payload: null,
    priority: 5,
    maxRetries: 3,
    retry: { strategy: 'exponential', initialMs: 1_000, maxMs: 3_600_000, multiplier: 2, jitter: 'full' },
    timeoutMs: 30_000,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs: nowMs,
    timeGiven: false,
  });
});

t.test('every field arrives where it belongs', async (t) => {
  const spec = setup({ idempotencyKey: 'k', traceparent: 'tp' }).accept({
    external_job_id: 'order/ü 1',
    source: 'a.b:c-d_e',
    type: 'order.created',
    description: 'two\nlines',
    scheduled_at: '2026-11-20T12:00:00+01:00',
    delivery_type: 'HTTP',
    destination,
    method: 'PUT',
    headers: { 'X-B': '1', 'x-A': '2' },
    priority: 'CRITICAL',
    max_retries: 0,
    retry: { strategy: 'fixed', jitter: 'none' },
    timeout_ms: 100,
    expires_at: '2000-01-01T00:00:00Z',
    tags: { b: '2', a: '1' },
  });
  t.match(spec, {
    externalJobId: 'order/ü 1',
    source: 'a.b:c-d_e',
    type: 'order.created',
    description: 'two\nlines',
    scheduledAtMs: Date.UTC(2026, 10, 20, 11),
    delayMs: null,
    timeGiven: true,
    method: 'PUT',
    headers: [
      ['x-b', '1'],
      ['x-a', '2'],
    ],
    priority: 9,
    maxRetries: 0,
    retry: { strategy: 'fixed', initialMs: 1_000, maxMs: 3_600_000, multiplier: 2, jitter: 'none' },
    timeoutMs: 100,
    expiresAtMs: Date.UTC(2000, 0, 1),
    tags: [
      ['a', '1'],
      ['b', '2'],
    ],
    traceparent: 'tp',
  });
  t.equal(spec.idempotencyKey, null, 'with an external_job_id the Idempotency-Key is ignored');
});

t.test('the payload keeps its bytes: digits, order, white space, escapes', async (t) => {
  const { accept } = setup();
  for (const payload of [
    '{"b":1,  "a" : 12345678901234567890.000, "__proto__":{"x":1}}',
    '1e400',
    '"\\u00e9é"',
    'null',
    '[ ]',
    '0',
    '{"payload":{"payload":1}}',
    '"\\ud800"',
  ]) {
    t.equal(
      Buffer.from(accept(`{"destination":"${destination}", "payload" :\n${payload} ,"priority":1}`).payload!).toString(),
      payload,
    );
    t.equal(
      Buffer.from(accept(`{"\\u0070ayload":${payload},"destination":"${destination}"}`).payload!).toString(),
      payload,
      'escaped key',
    );
  }
  t.equal(accept({ destination }).payload, null);
});

t.test('a delay is kept as a delay and counted from the acceptance', async (t) => {
  const { accept } = setup();
  t.match(accept({ destination, delay: '1h30m' }), { delayMs: 5_400_000, scheduledAtMs: nowMs + 5_400_000, timeGiven: true });
  t.match(accept({ destination, delay_ms: 0 }), { delayMs: 0, scheduledAtMs: nowMs, timeGiven: true });
  t.match(accept({ destination, delay_ms: aheadMsMax }), { delayMs: aheadMsMax });
  t.match(accept({ destination, scheduled_at: '1990-01-01T00:00:00Z' }), { scheduledAtMs: Date.UTC(1990, 0, 1) });
});

t.test('lengths are counted in code points', async (t) => {
  const { accept, refused } = setup();
  const emoji = '\u{1f553}';
  const fits = {
    destination,
    external_job_id: emoji.repeat(255),
    description: emoji.repeat(1_000),
    tags: { [emoji.repeat(128)]: emoji.repeat(256) },
  };
  t.match(accept(fits), { externalJobId: fits.external_job_id, description: fits.description, tags: Object.entries(fits.tags) });
  const tooLong: readonly (readonly [object, string])[] = [
    [{ external_job_id: emoji.repeat(256) }, '/external_job_id'],
    [{ external_job_id: `${'x'.repeat(255)}${emoji}` }, '/external_job_id'],
    [{ description: emoji.repeat(1_001) }, '/description'],
    [{ tags: { [emoji.repeat(129)]: '' } }, `/tags/${emoji.repeat(129)}`],
    [{ tags: { a: emoji.repeat(257) } }, '/tags/a'],
  ];
  for (const [fields, pointer] of tooLong) t.match(refused({ destination, ...fields }).errors, [{ pointer }]);
});

t.test('each wrong field is refused by its pointer', async (t) => {
  const { refused } = setup();
  const cases: readonly (readonly [object, string, RegExp])[] = [
    [{}, '/destination', /is required/],
    [{ destination: 5 }, '/destination', /must be a string/],
    [{ destination: null }, '/destination', /not null/],
    [{ destination, external_job_id: '' }, '/external_job_id', /1 to 255/],
    [{ destination, external_job_id: 'x'.repeat(256) }, '/external_job_id', /1 to 255/],
    [{ destination, external_job_id: 'a\nb' }, '/external_job_id', /printable/],
    [{ destination, external_job_id: '\ud800' }, '/external_job_id', /well-formed/],
    [{ destination, source: 'a b' }, '/source', /A-Z/],
    [{ destination, type: null }, '/type', /leave the field out/],
    [{ destination, description: 'x'.repeat(1_001) }, '/description', /1,000/],
    [{ destination, scheduled_at: 1_795_000_000 }, '/scheduled_at', /string/],
    [{ destination, scheduled_at: '2026-02-30T00:00:00Z' }, '/scheduled_at', /exists/],
    [{ destination, scheduled_at: '2040-01-01T00:00:00Z' }, '/scheduled_at', /10 years/],
    [{ destination, delay: 5 }, '/delay', /string/],
    [{ destination, delay: '5' }, '/delay', /unit/],
    [{ destination, delay: '600w' }, '/delay', /10 years/],
    [{ destination, delay_ms: -1 }, '/delay_ms', /integer from 0/],
    [{ destination, delay_ms: 1.5 }, '/delay_ms', /integer/],
    [{ destination, delay_ms: '5' }, '/delay_ms', /integer/],
    [{ destination, delay_ms: aheadMsMax + 1 }, '/delay_ms', /10 years/],
    [{ destination, delay: '1s', delay_ms: 1_000 }, '/delay_ms', /combined with delay$/],
    [{ destination, delay: '1s', scheduled_at: '2026-11-20T12:00:00Z' }, '/delay', /combined with scheduled_at/],
    [{ destination, delivery_type: 'WORKER' }, '/delivery_type', /one of HTTP, NATS, LOCAL/],
    [{ destination, delivery_type: 'http' }, '/delivery_type', /one of/],
    [{ destination, method: 'TRACE' }, '/method', /one of/],
    [{ destination, headers: [] }, '/headers', /object/],
    [{ destination, headers: { a: 1 } }, '/headers/a', /string/],
    [{ destination, headers: { 'a b': '1' } }, '/headers/a b', /header name/],
    [{ destination, headers: { a: 'x\r\nhost: evil' } }, '/headers/a', /line breaks/],
    [{ destination, headers: { 'a\r\nb': '1' } }, '/headers/a\r\nb', /header name/],
    [{ destination, headers: { a: 'é' } }, '/headers/a', /ASCII/],
    [{ destination, headers: { A: '1', a: '2' } }, '/headers/a', /twice/],
    [
      { destination, headers: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`x-${index}`, ''])) },
      '/headers',
      /32/,
    ],
    [{ destination, headers: { a: 'x'.repeat(8_192) } }, '/headers', /8192/],
    [{ destination, priority: 10 }, '/priority', /0 to 9/],
    [{ destination, priority: 'high' }, '/priority', /LOW/],
    [{ destination, priority: 1.5 }, '/priority', /0 to 9/],
    [{ destination, max_retries: 101 }, '/max_retries', /0 to 100/],
    [{ destination, retry: 'none' }, '/retry', /object/],
    [{ destination, retry: { strategy: 'random' } }, '/retry/strategy', /one of/],
    [{ destination, retry: { initial: 1 } }, '/retry/initial', /not a known field/],
    [{ destination, retry: { initial_ms: 10, max_ms: 5 } }, '/retry/initial_ms', /max_ms/],
    [{ destination, retry: { multiplier: 0.5 } }, '/retry/multiplier', /1 to 100/],
    [{ destination, timeout_ms: 99 }, '/timeout_ms', /100/],
    [{ destination, expires_at: 'tomorrow' }, '/expires_at', /RFC 3339/],
    [{ destination, expires_at: '1970-01-01T00:00:00Z' }, '/expires_at', /after 1970/],
    [{ destination, tags: { a: 1 } }, '/tags/a', /string/],
    [{ destination, tags: { 'a\nb': 1 } }, '/tags/a\nb', /string/],
    [{ destination, tags: { '': 'x' } }, '/tags/', /name of 1/],
    [{ destination, tags: { 'a/b~': 7 } }, '/tags/a~1b~0', /string/],
    [{ destination, tags: { a: 'x'.repeat(257) } }, '/tags/a', /256/],
    [{ destination, tags: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`t${index}`, ''])) }, '/tags', /16/],
    [{ destination, ordering_key: 'x' }, '/ordering_key', /not a known field/],
    [{ destination, prioritty: 1 }, '/prioritty', /not a known field/],
  ];
  for (const [body, pointer, detail] of cases) {
    const refusal = refused(body);
    t.match(refusal, { code: 'invalid', errors: [{ pointer, detail }] }, `${pointer} ${detail}`);
    t.equal(refusal.errors.length, 1, `one error for ${JSON.stringify(body).slice(0, 60)}`);
  }
});

t.test("headers that are ours or the connection's are refused in any case", async (t) => {
  const { refused } = setup();
  for (const name of [
    'Connection',
    'keep-alive',
    'Proxy-Authorization',
    'TE',
    'trailer',
    'Transfer-Encoding',
    'upgrade',
    'Host',
    'CONTENT-LENGTH',
    'webhook-id',
    'Webhook-Signature',
    'escapement-attempt',
    'Escapement-Anything',
    'Idempotency-Key',
    'expect',
  ]) {
    t.match(refused({ destination, headers: { [name]: 'x' } }).errors, [{ pointer: `/headers/${name}` }], name);
  }
});

t.test('several wrong fields are named together, but not without bound', async (t) => {
  const { refused } = setup();
  t.same(
    refused({ priority: 10, source: '' })
      .errors.map(({ pointer }) => pointer)
      .sort(),
    ['/destination', '/priority', '/source'],
  );
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x${index}`, 1]));
  t.equal(refused(many).errors.length, 20);
});

t.test('destinations are judged by their delivery type', async (t) => {
  const { accept, refused } = setup();
  for (const url of [
    'ftp://example.org/',
    'example.org',
    '//example.org',
    'http:example.org',
    'http:///x',
    'https://',
    'https://user@example.org/',
    'https://u:p@example.org/',
    'https://exa mple.org/',
    'https://example.org/\n',
    ' https://example.org/',
    'https:\\\\example.org',
    'https://example.org/#x',
    'https://example.org:99999/',
    'javascript:alert(1)',
    `https://example.org/${'x'.repeat(2_048)}`,
    'https://[::1/',
    'file:///etc/passwd',
    'http://\ud800/',
  ]) {
    t.match(refused({ destination: url }), { code: 'invalid', errors: [{ pointer: '/destination' }] }, url.slice(0, 40));
  }
  t.equal(accept({ destination: 'HTTP://localhost:3000/a?b=c' }).destination, 'HTTP://localhost:3000/a?b=c');
  t.match(refused({ destination: 'http://169.254.169.254/' }), { code: 'destination-not-allowed', detail: 'link-local' });
  t.match(accept({ delivery_type: 'LOCAL', destination: 'known' }), { method: null, headers: [] });
  t.match(refused({ delivery_type: 'LOCAL', destination: 'other' }), {
    code: 'destination-not-allowed',
    detail: 'no such handler',
  });
  t.match(refused({ delivery_type: 'LOCAL', destination: 'a b' }), { code: 'invalid' });
  t.match(refused({ delivery_type: 'LOCAL', destination: 'known', method: 'PUT' }).errors, [{ pointer: '/method' }]);
  t.match(refused({ delivery_type: 'LOCAL', destination: 'known', headers: {} }).errors, [{ pointer: '/headers' }]);
  t.match(refused({ delivery_type: 'NATS', destination: 'orders.new' }), {
    code: 'destination-not-allowed',
    detail: 'NATS is not configured',
  });
  for (const subject of ['escapement.ingest', 'escapement', 'a..b', 'a.*', 'a.>', '.a', '$SYS.x', 'a b']) {
    t.match(
      refused({ delivery_type: 'NATS', destination: subject }),
      { code: 'invalid', errors: [{ pointer: '/destination' }] },
      subject,
    );
  }
});

t.test('a retry that is given in part is completed from the defaults', async (t) => {
  const { accept } = setup();
  t.match(accept({ destination, retry: {} }).retry, {
    strategy: 'exponential',
    initialMs: 1_000,
    maxMs: 3_600_000,
    multiplier: 2,
    jitter: 'full',
  });
  t.match(accept({ destination, retry: { initial_ms: 7_200_000 } }).retry, { initialMs: 7_200_000, maxMs: 7_200_000 });
  t.match(accept({ destination, retry: { max_ms: 10 } }).retry, { initialMs: 10, maxMs: 10 });
  t.match(accept({ destination, retry: { initial_ms: 0, multiplier: 1.5 } }).retry, { initialMs: 0, multiplier: 1.5 });
});

t.test('a body that is no JSON, no UTF-8 or has a key twice is malformed', async (t) => {
  const { refused } = setup();
  for (const body of [
    '',
    '{',
    '{"destination":"x",}',
    'hello',
    '{"destination":"x"}x',
    '\ufeff{}',
    '{"payload":}',
    '{"payload":[1,}',
    '{"payload":01}',
    "{'a':1}",
  ]) {
    t.equal(refused(body).code, 'malformed-json', body);
  }
  for (const body of [
    `{"destination":"${destination}","priority":1,"priority":2}`,
    `{"destination":"${destination}","payload":1,"payload":2}`,
    `{"destination":"${destination}","payload":1,"pay\\u006coad":2}`,
    `{"x":1,"x":2}`,
    `{"__proto__":1,"__proto__":2}`,
    `{"a":1,"\\u0061":2}`,
  ]) {
    t.match(refused(body), { code: 'malformed-json', detail: /given twice/ }, body);
  }
  t.match(refused(`{"a":1,"\\u0061":2}`), { detail: 'the key "a" is given twice' });
  t.equal(refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).code, 'malformed-request');
  t.equal(
    refused(Buffer.concat([Buffer.from(`{"destination":"${destination}","payload":"`), Buffer.from([0xc3]), Buffer.from('"}')]))
      .code,
    'malformed-request',
  );
  for (const body of ['[]', '"x"', 'null', '7', '[{"destination":"x"}]'])
    t.match(refused(body), { code: 'invalid', errors: [{ pointer: '' }] }, body);
});

t.test('prototype pollution finds no prototype', async (t) => {
  const { accept, refused } = setup();
  t.match(refused(`{"destination":"${destination}","__proto__":{"priority":1}}`).errors, [
    { pointer: '/__proto__', detail: /not a known field/ },
  ]);
  t.match(refused(`{"__proto__":{"destination":"${destination}"}}`).code, 'invalid');
  t.match(refused(`{"destination":"${destination}","constructor":1}`).errors, [{ pointer: '/constructor' }]);
  t.same(accept(`{"destination":"${destination}","tags":{"__proto__":"x","constructor":"y"}}`).tags, [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  t.same(accept(`{"destination":"${destination}","headers":{"__proto__":"x"}}`).headers, [['__proto__', 'x']]);
  t.match(refused(`{"destination":"${destination}","retry":{"__proto__":{"initial_ms":1}}}`).errors, [
    { pointer: '/retry/__proto__' },
  ]);
  t.equal(({} as Record<string, unknown>)['x'], undefined);
  t.equal(({} as Record<string, unknown>)['priority'], undefined);
});

t.test('the payload has bounds of depth and size, and both are exact', async (t) => {
  const { accept, refused } = setup();
  const nested = (levels: number) => `{"destination":"${destination}","payload":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  t.ok(accept(nested(128)).payload);
  t.match(refused(nested(129)), { code: 'invalid', errors: [{ pointer: '/payload', detail: /128 levels/ }] });
  t.match(refused(nested(100_000)), { code: 'invalid', errors: [{ pointer: '/payload' }] });
  const sized = (bytes: number) => `{"destination":"${destination}","payload":"${'x'.repeat(bytes - 2)}"}`;
  t.equal(accept(sized(payloadBytesMax)).payload!.length, payloadBytesMax);
  t.match(refused(sized(payloadBytesMax + 1)), { code: 'too-large' });
  const deepTags = `{"destination":"${destination}","tags":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  t.match(refused(deepTags), { code: 'invalid', errors: [{ pointer: '/tags' }] });
});

t.test('whatever is thrown at it, it answers with an event or a refusal', async (t) => {
  const { refused } = setup();
  const values = [null, true, 0, -1, 1e300, '', 'x', '\u0000', [], {}, [[]], { a: {} }, '__proto__'];
  const names = [
    'external_job_id',
    'source',
    'type',
    'description',
    'scheduled_at',
    'delay',
    'delay_ms',
    'delivery_type',
    'method',
    'headers',
    'priority',
    'max_retries',
    'retry',
    'timeout_ms',
    'expires_at',
    'tags',
    'toString',
    '',
  ];
  const { accept } = setup();
  let acceptedCount = 0;
  for (const name of names) {
    for (const value of values) {
      const body = { destination, [name]: value };
      try {
        accept(body);
        acceptedCount++;
      } catch {
        t.ok(
          refused(body).errors.every(({ pointer }) => pointer === '' || pointer.startsWith('/')),
          name,
        );
      }
    }
  }
  t.ok(acceptedCount > 5 && acceptedCount < 60, `${acceptedCount} accepted`);
});
