/** The calls on destinations as a client sees them, over HTTP. */
import t from 'tap';
import type { WallMs } from '../../engine/index.js';
import { destinationOf } from '../support/fake-engine.js';
import { setupGateway } from '../support/gateway.js';

const destinations = '/api/v1/destinations';
const origin = 'https://example.org';
const one = `${destinations}/${encodeURIComponent(origin)}`;

t.test('a destination is shown with all of its fields, also one that nothing is known of', async (t) => {
  const { call, engine } = await setupGateway(t);
  t.strictSame((await call('GET', one)).json, {
    origin,
    in_flight: 0,
    waiting: 0,
    breaker: 'closed',
    opens_until: null,
    paused: false,
    concurrency: 64,
    rate_per_second: null,
    success_1m: 0,
    failure_1m: 0,
  });
  const opensUntilMs = Date.UTC(2026, 10, 20, 10, 0, 5) as WallMs;
  engine.destinationsNow.set(origin, { ...destinationOf(origin), breaker: 'open', opensUntilMs, failure1m: 20 });
  t.match((await call('GET', one)).json, { breaker: 'open', opens_until: '2026-11-20T10:00:05.000Z', failure_1m: 20 });
});

t.test('an origin has one spelling, whatever it is written as; what cannot be one is not found', async (t) => {
  const { call } = await setupGateway(t);
  for (const text of ['HTTPS://Example.ORG:443', 'https://example.org/', 'https://example.org:443/'])
    t.equal((await call('GET', `${destinations}/${encodeURIComponent(text)}`)).json['origin'], origin, text);
  t.equal((await call('GET', `${destinations}/local%3Asink`)).json['origin'], 'local:sink');
  for (const text of ['example.org', 'https://example.org/hook', 'https://a:b@example.org', 'ftp://example.org', 'local:', '%']) {
    const path = text === '%' ? text : encodeURIComponent(text);
    const { status, json } = await call('GET', `${destinations}/${path}`);
    t.same([status, json['code']], [404, 'not-found'], text);
  }
  t.equal((await call('GET', `${destinations}/${origin}`)).status, 404, 'not encoded');
});

t.test('what is set is answered, what is left out stays, and null sets back', async (t) => {
  const { call, engine } = await setupGateway(t);
  const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  const { status, json, text } = await call('PATCH', one, { paused: true, concurrency: 3, rate_per_second: 0.5, secret });
  t.equal(status, 200);
  t.match(json, { origin, paused: true, concurrency: 3, rate_per_second: 0.5 });
  t.notMatch(text, /whsec/, 'a secret is never shown');
  t.strictSame(engine.lastDestinationChange, { paused: true, concurrency: 3, ratePerSecond: 0.5, secret });
  await call('PATCH', one, { concurrency: null, secret: null, rate_per_second: null });
  t.strictSame(engine.lastDestinationChange, { concurrency: null, secret: null, ratePerSecond: null });
  await call('PATCH', one, { breaker: 'closed' });
  t.strictSame(engine.lastDestinationChange, { closeBreaker: true });
  t.equal((await call('PATCH', one, {})).status, 200);
});

t.test('what is wrong is named by its field, and its value is not repeated', async (t) => {
  const { call, engine } = await setupGateway(t);
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ paused: 'yes' }, '/paused'],
    [{ paused: null }, '/paused'],
    [{ concurrency: 0 }, '/concurrency'],
    [{ concurrency: 2.5 }, '/concurrency'],
    [{ concurrency: 5_000 }, '/concurrency'],
    [{ rate_per_second: 0 }, '/rate_per_second'],
    [{ rate_per_second: 1_000_000 }, '/rate_per_second'],
    [{ breaker: 'open' }, '/breaker'],
    [{ secret: '' }, '/secret'],
    [{ pasued: true }, '/pasued'],
    [[], ''],
  ];
  for (const [body, pointer] of wrong) {
    const { status, json } = await call('PATCH', one, body);
    t.equal(status, 422, JSON.stringify(body));
    t.match(json, { code: 'invalid', errors: [{ pointer }] });
  }
  t.same((await call('PATCH', one, '{"paused":true,"paused":false}')).status, 400);
  t.same((await call('PATCH', one, '{"paused":')).status, 400);
  t.same((await call('PATCH', one, { secret: 'x'.repeat(5_000) })).status, 413);
  t.equal(engine.lastDestinationChange, null);
});

t.test('pages go on behind the last origin, with a cursor that is refused when it is none', async (t) => {
  const { call, engine } = await setupGateway(t);
  const names = Array.from({ length: 7 }, (_, n) => `http://${n}.test`);
  for (const name of names) engine.destinationsNow.set(name, destinationOf(name));
  const seen: string[] = [];
  let cursor = '';
  for (let pages = 0; pages < 3; pages++) {
    const { json } = await call('GET', `${destinations}?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...(json['data'] as { origin: string }[]).map((each) => each.origin));
    t.equal(json['has_more'], pages < 2);
    t.equal(json['next_cursor'] === null, pages === 2);
    cursor = String(json['next_cursor']);
  }
  t.same(seen, names);
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'cursor=%21', 'sort=name'])
    t.equal((await call('GET', `${destinations}?${query}`)).status, 422, query);
});
