import t from 'tap';
import { fingerprintBytes, fingerprintOf, keyOf, randomSlot, slotOfKey, tagOfKey } from '../../engine/event/content.js';
import type { EventSpec } from '../../engine/event/spec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { fnv1a32 } from '../../engine/kernel/fnv1a.js';
import { slots } from '../../engine/kernel/limits.js';
import { Random } from '../wheel/random.js';
import { now, randomSpec, specOf } from './specs.js';

const printOf = (spec: EventSpec, timeGiven = true) => Buffer.from(fingerprintOf(spec, timeGiven)).toString('hex');

/** Another value for each field that is content. Each change alone must change the fingerprint. */
const changes: Readonly<Record<string, (spec: EventSpec) => Partial<EventSpec>>> = {
  externalJobId: (spec) => ({ externalJobId: spec.externalJobId === null ? 'x' : null }),
  source: (spec) => ({ source: `${spec.source}x` }),
  type: (spec) => ({ type: spec.type === null ? '' : `${spec.type}x` }),
  description: (spec) => ({ description: spec.description === null ? '' : `${spec.description} ` }),
  scheduledAtMs: (spec) => ({ scheduledAtMs: (spec.scheduledAtMs + 1) as WallMs }),
  deliveryType: (spec) => ({ deliveryType: spec.deliveryType === 'LOCAL' ? 'NATS' : 'LOCAL' }),
  destination: (spec) => ({ destination: `${spec.destination}x` }),
  method: (spec) => ({ method: spec.method === 'PUT' ? 'POST' : 'PUT' }),
  'a header more': (spec) => ({ headers: [...spec.headers, ['x-more', '']] }),
  'a header value': (spec) => ({ headers: [['x', `${spec.headers[0]?.[1]}y`], ...spec.headers.slice(1)] }),
  payload: (spec) => ({ payload: Buffer.concat([spec.payload ?? Buffer.alloc(0), Buffer.from(' ')]) }),
  'payload or none': (spec) => ({ payload: spec.payload === null ? new Uint8Array(0) : null }),
  priority: (spec) => ({ priority: (spec.priority + 1) % 10 }),
  maxRetries: (spec) => ({ maxRetries: spec.maxRetries + 1 }),
  'retry strategy': (spec) => ({ retry: { ...spec.retry, strategy: spec.retry.strategy === 'fixed' ? 'linear' : 'fixed' } }),
  'retry first wait': (spec) => ({ retry: { ...spec.retry, initialMs: spec.retry.initialMs + 1 } }),
  'retry longest wait': (spec) => ({ retry: { ...spec.retry, maxMs: spec.retry.maxMs + 1 } }),
  'retry multiplier': (spec) => ({ retry: { ...spec.retry, multiplier: spec.retry.multiplier * 1.25 } }),
  'retry jitter': (spec) => ({ retry: { ...spec.retry, jitter: spec.retry.jitter === 'full' ? 'none' : 'full' } }),
  timeoutMs: (spec) => ({ timeoutMs: spec.timeoutMs + 1 }),
  expiresAtMs: (spec) => ({ expiresAtMs: ((spec.expiresAtMs ?? now) + 1) as WallMs }),
  'a tag more': (spec) => ({ tags: [...spec.tags, ['more', '']] }),
  'a tag value': (spec) => ({ tags: [['x', `${spec.tags[0]?.[1]}y`], ...spec.tags.slice(1)] }),
};

t.test('each field that is content changes the fingerprint by itself', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    // A delay takes the place of the instant, which has a test of its own.
    const spec = { ...randomSpec(new Random(seed)), delayMs: null };
    const prints = new Map([['unchanged', printOf(spec)]]);
    for (const [name, change] of Object.entries(changes)) prints.set(name, printOf({ ...spec, ...change(spec) }));
    const known = new Map<string, string>();
    for (const [name, print] of prints) {
      const twin = known.get(print);
      if (twin !== undefined) t.fail(`seed ${seed}: "${name}" and "${twin}" have one fingerprint`);
      known.set(print, name);
    }
  }
});

t.test('equal content has an equal fingerprint, whatever objects it is in', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const one = randomSpec(new Random(seed));
    const other = randomSpec(new Random(seed));
    t.equal(printOf(one), printOf(other), `seed ${seed}`);
    t.equal(printOf({ ...one, payload: one.payload === null ? null : Buffer.from(one.payload) }), printOf(one));
  }
});

t.test('the order of headers is no content', async (t) => {
  const headers = [
    ['x-a', '1'],
    ['x-b', '2'],
    ['x-c', '3'],
  ] as const;
  const print = printOf(specOf({ headers }));
  t.equal(printOf(specOf({ headers: headers.toReversed() })), print);
  t.not(
    printOf(
      specOf({
        headers: [
          ['x-a', '2'],
          ['x-b', '1'],
          ['x-c', '3'],
        ],
      }),
    ),
    print,
  );
});

t.test('what is no content does not count: key of the request, trace, moment of acceptance', async (t) => {
  const spec = specOf({ externalJobId: 'x' });
  const other = { ...spec, idempotencyKey: 'k', traceparent: 't', createdAtMs: (now + 9) as WallMs };
  t.equal(printOf(other), printOf(spec));
});

t.test('a delay is compared as a delay, not by the instant it led to', async (t) => {
  const first = specOf({ delayMs: 60_000, scheduledAtMs: (now + 60_000) as WallMs });
  const repeated = specOf({ delayMs: 60_000, scheduledAtMs: (now + 61_234) as WallMs });
  t.equal(printOf(first), printOf(repeated));
  t.not(printOf(first), printOf({ ...first, delayMs: 60_001 }));
  t.not(printOf(first), printOf({ ...first, delayMs: null }), 'the same instant given as an instant is other content');
  t.not(printOf(specOf({ delayMs: 0 })), printOf(specOf({ delayMs: null })));
});

t.test('without a time of any kind the instant is left out', async (t) => {
  const first = specOf({ scheduledAtMs: now });
  const repeated = specOf({ scheduledAtMs: (now + 1_000) as WallMs });
  t.equal(printOf(first, false), printOf(repeated, false));
  t.not(printOf(first, false), printOf(first, true));
  t.not(printOf(first, true), printOf(repeated, true));
});

t.test('texts cannot run into each other', async (t) => {
  t.not(printOf(specOf({ source: 'a', type: 'bc' })), printOf(specOf({ source: 'ab', type: 'c' })));
  t.not(
    printOf(
      specOf({
        tags: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      }),
    ),
    printOf(
      specOf({
        tags: [
          ['a', 'b","c'],
          ['d', ''],
        ],
      }),
    ),
  );
  t.not(
    printOf(specOf({ description: 'none', payload: null })),
    printOf(specOf({ description: '', payload: Buffer.from('none') })),
  );
});

t.test('a fingerprint has 16 bytes', async (t) => {
  t.equal(fingerprintOf(specOf(), true).length, fingerprintBytes);
});

t.test('an external id is the key, else the idempotency key, else there is none', async (t) => {
  t.same(keyOf(specOf({ source: 's', externalJobId: 'e', idempotencyKey: 'i' })), { kind: 'external', source: 's', text: 'e' });
  t.same(keyOf(specOf({ source: 's', idempotencyKey: 'i' })), { kind: 'idempotency', source: 's', text: 'i' });
  t.equal(keyOf(specOf()), null);
});

t.test('the slot of a key is FNV-1a over source and key, as the contract fixes it', async (t) => {
  const key = { kind: 'external', source: 'order-service', text: 'order-12345' } as const;
  t.equal(slotOfKey(key), fnv1a32(Buffer.from('order-serviceorder-12345')) % slots);
  t.equal(slotOfKey({ ...key, kind: 'idempotency' }), slotOfKey(key));
  t.equal(slotOfKey({ kind: 'external', source: 'ä', text: '😀' }), fnv1a32(Buffer.from('ä😀', 'utf8')) % slots);
});

t.test('tags of different keys differ: in kind, in source, and where source and text meet', async (t) => {
  const keys = [
    { kind: 'external', source: 'a', text: 'bc' },
    { kind: 'idempotency', source: 'a', text: 'bc' },
    { kind: 'external', source: 'ab', text: 'c' },
    { kind: 'external', source: 'abc', text: '' },
    { kind: 'external', source: 'b', text: 'bc' },
  ] as const;
  const tags = keys.map((key) => tagOfKey(key));
  t.equal(new Set(tags.map(({ high, low }) => `${high}:${low}`)).size, keys.length);
  for (const { high, low } of tags) t.ok(high !== 0 || low !== 0);
});

t.test('tags of many keys do not collide', async (t) => {
  const tags = new Set<string>();
  for (let index = 0; index < 50_000; index++) {
    const { high, low } = tagOfKey({ kind: 'external', source: 'order-service', text: `order-${index}` });
    tags.add(`${high}:${low}`);
  }
  t.equal(tags.size, 50_000);
});

t.test('events without a key are spread over all slots by chance', async (t) => {
  const drawn = new Set<number>();
  for (let index = 0; index < 20_000; index++) {
    const slot = randomSlot();
    if (!Number.isInteger(slot) || slot < 0 || slot >= slots) t.fail(`slot ${slot}`);
    drawn.add(slot);
  }
  t.ok(drawn.size > slots * 0.95, `${drawn.size} of ${slots}`);
});
