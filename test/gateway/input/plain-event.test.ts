import t from 'tap';
import { SpecSheet } from '../../../engine/index.js';
import { DestinationCheck } from '../../../gateway/input/destination.js';
import type { EventBytes } from '../../../gateway/input/event-fields.js';
import { type EventContext, readEvent } from '../../../gateway/input/event-input.js';
import { locateEvent } from '../../../gateway/input/event-span.js';
import { PlainEventReader } from '../../../gateway/input/plain-event.js';
import { isRefusal } from '../../../gateway/input/refusal.js';
import { Random } from '../../wheel/random.js';

const destinations = new DestinationCheck((_, destination) => (destination.includes('forbidden') ? 'it is forbidden' : null));
const context: EventContext = { nowMs: 1_795_000_000_000, idempotencyKey: null, traceparent: null, destinations };
const reader = new PlainEventReader();

function bytesOf(text: string): EventBytes {
  const body = Buffer.from(`  ${text} `);
  return { body, encoding: 'utf8', span: locateEvent(body) };
}

/** What the short way makes of it, and what the long one does: bytes in hex, or null. */
function bothWays(text: string, own: EventContext = context) {
  const bytes = bytesOf(text);
  const [short, long] = [new SpecSheet(), new SpecSheet()];
  const isPlain = reader.add(bytes, own, short);
  const event = readEvent(bytes, own);
  if (!isRefusal(event)) long.add(event.spec, event.timeGiven, own.fingerprint);
  const hex = ({ bytes, end }: SpecSheet) => bytes.subarray(0, end).toString('hex');
  const slots = isPlain && !isRefusal(event) ? [short.slotOf(0), long.slotOf(0)] : [];
  return { isPlain, short: hex(short), long: isRefusal(event) ? null : hex(long), slots };
}

const texts = [
  'a',
  'payments',
  'a.b:c-D_9',
  'x'.repeat(31),
  'x'.repeat(32),
  'x'.repeat(128),
  'x'.repeat(129),
  '',
  'a b',
  'ä',
  'a\\u0062',
  '\\n',
  '~',
  ' ',
];
const numbers = [
  '0',
  '5',
  '9',
  '10',
  '-1',
  '1.0',
  '1e2',
  '99',
  '100',
  '101',
  '127',
  '128',
  '255',
  '256',
  '65535',
  '65536',
  '4294967295',
  '4294967296',
  '1800000',
  '315360000000',
  '316224000000',
  '316224000001',
  '"7"',
  'null',
];
const instants = [
  '"2027-01-01T00:00:00Z"',
  '"2027-01-01T00:00:00.5+02:00"',
  '"1970-01-01T00:00:00Z"',
  '"1990-01-01t00:00:00z"',
  '"2027-13-01T00:00:00Z"',
  '"2999-01-01T00:00:00Z"',
  '"now"',
  '7',
];
const urls = [
  'https://example.org/hook',
  'http://127.0.0.1:9/a?b=c&d',
  'https://example.org/forbidden',
  'ftp://x',
  'http://u:p@x/',
  'https://exämple.org/',
  'https://example.org/a b',
  `https://x/${'y'.repeat(300)}`,
  'known',
  '',
];
const payloads = [
  'null',
  '{}',
  '{"a":[1,2,{"b":"}"}]}',
  '"text"',
  '1.50',
  ' [ ] ',
  `"${'z'.repeat(300)}"`,
  '{"payload":1}',
  '"ö"',
  `${'['.repeat(129)}${']'.repeat(129)}`,
];
const quoted = (values: readonly string[]) => values.map((value) => `"${value}"`);
const tagged = [...texts, 'region', 'tier', '__proto__', 'x'.repeat(256), 'x'.repeat(257)];

function member(random: Random): string {
  const pick = <Value>(values: readonly Value[]): Value => values[random.below(values.length)]!;
  const name = pick([
    'external_job_id',
    'source',
    'type',
    'description',
    'scheduled_at',
    'delay_ms',
    'delay',
    'delivery_type',
    'method',
    'payload',
    'priority',
    'max_retries',
    'timeout_ms',
    'expires_at',
    'tags',
    'tags',
    'headers',
    'retry',
    'sources',
    'sou\\u0072ce',
  ]);
  switch (name) {
    case 'scheduled_at':
    case 'expires_at':
      return `"${name}":${pick(instants)}`;
    case 'delay_ms':
    case 'priority':
    case 'max_retries':
    case 'timeout_ms':
      return `"${name}" : ${pick(numbers)}`;
    case 'delay':
      return `"delay":"${pick(['1h', 'PT1H30M', '1.5s', '0ms', '3660d', '3661d', 'P1M', '90', '', '1 h'])}"`;
    case 'delivery_type':
      return `"delivery_type":"${pick(['HTTP', 'HTTP', 'LOCAL', 'http'])}"`;
    case 'method':
      return `"method":"${pick(['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'get', 'HEAD'])}"`;
    case 'payload':
      return `"payload":${pick(payloads)}`;
    case 'tags':
      return `"tags":{${Array.from({ length: random.below(6) }, () => `"${pick(tagged)}" : "${pick(tagged)}"`).join(' , ')}}`;
    case 'headers':
      return '"headers":{"x-a":"b"}';
    case 'retry':
      return '"retry":{"strategy":"fixed"}';
    default:
      return `"${name}":${pick([...quoted(texts), ...quoted(texts), '7', 'null'])}`;
  }
}

const keys = ['key', 'order-17:999', 'a "key" \\ with escapes', 'k'.repeat(31), 'k'.repeat(32), 'k'.repeat(255)];
const pickKey = (random: Random) => keys[random.below(keys.length)]!;
const fingerprints = ['0123456789abcdef', '\0\x7f\x80\xff0123456789ab'];
const pickFingerprint = (random: Random) => fingerprints[random.below(fingerprints.length)]!;

t.test('what the short way accepts the long one accepts too, as the very same bytes', async (t) => {
  let plain = 0;
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = new Random(seed);
    const url = urls[random.below(4) === 0 ? random.below(urls.length) : random.below(2)]!;
    const members = [`"destination":"${url}"`, ...Array.from({ length: random.below(6) }, () => member(random))];
    const text = `{${members.sort(() => random.below(3) - 1).join(random.below(2) === 0 ? ',' : '\n, ')}}`;
    const own = {
      ...context,
      idempotencyKey: random.below(3) === 0 ? pickKey(random) : null,
      ...(random.below(2) === 0 ? { index: [0, 9, 10, 999, 9_999][random.below(5)]! } : {}),
      ...(random.below(3) === 0 ? { fingerprint: pickFingerprint(random) } : {}),
      traceparent: random.below(4) === 0 ? '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' : null,
      // A message may name a source and may have waited.
      ...(random.below(4) === 0 ? { source: texts[random.below(3)]! } : {}),
      ...(random.below(4) === 0 ? { askedAtMs: context.nowMs - 7 } : {}),
    };
    const { isPlain, short, long, slots } = bothWays(text, own);
    if (!isPlain) continue;
    plain++;
    if (short !== long || slots[0] !== slots[1]) t.fail(`seed ${seed}: ${text}`);
  }
  t.ok(plain > 4_000, `${plain} of 20,000 are plain`);
});

t.test('an event as most are is plain', async (t) => {
  const text = JSON.stringify({
    destination: 'http://127.0.0.1:9/hooks/payment-retry',
    source: 'payments',
    type: 'payment.retry',
    external_job_id: 'order 17',
    description: 'once more',
    tags: { tier: 'gold', region: 'eu', '': '' },
    payload: { order_id: 'Österreich', note: 'x'.repeat(60) },
    scheduled_at: '2027-01-01T00:00:00Z',
    method: 'PUT',
    priority: 9,
  });
  t.notOk(bothWays(text).isPlain, 'a tag without a name is for the long way to refuse');
  const { isPlain, short, long } = bothWays(text.replace(',"":""', ''));
  t.ok(isPlain);
  t.equal(short, long);
});

t.test('tags are sorted by name, as many as there may be', async (t) => {
  const tags = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, tag) => [`t${(tag * 7) % count}`, `${tag}`]));
  for (const count of [0, 1, 2, 15, 16]) {
    const { isPlain, short, long } = bothWays(JSON.stringify({ destination: urls[0], tags: tags(count) }));
    t.ok(isPlain);
    t.equal(short, long, `${count} tags`);
  }
  t.notOk(bothWays(JSON.stringify({ destination: urls[0], tags: tags(17) })).isPlain);
});

t.test('destinations that share a hash are told apart', async (t) => {
  const check = new DestinationCheck(() => null);
  const one = Buffer.from('https://example.org/one');
  const known = check.plain(one, 0, one.length)!;
  t.equal(check.plain(one, 0, one.length), known, 'judged once');
  const other = Buffer.from('https://example.org/two');
  t.equal(check.plain(other, 0, other.length)!.text, 'https://example.org/two');
  t.equal(Buffer.from(known.origin).toString(), 'https://example.org');
});
