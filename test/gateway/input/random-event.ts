/** Events as anybody might send them, of which about a third are plain. For whatever must come to the same by the short way as by the long one. */
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import type { EventContext } from '../../../gateway/input/event-input.js';
import { Random } from '../../wheel/random.js';

const destinations = new DestinationCheck((_, destination) => (destination.includes('forbidden') ? 'it is forbidden' : null));
export const eventContext: EventContext = { nowMs: 1_795_000_000_000, idempotencyKey: null, traceparent: null, destinations };

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
export const urls = [
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

export function randomEvent(seed: number): { readonly text: string; readonly context: EventContext } {
  const random = new Random(seed);
  const url = urls[random.below(4) === 0 ? random.below(urls.length) : random.below(2)]!;
  const members = [`"destination":"${url}"`, ...Array.from({ length: random.below(6) }, () => member(random))];
  const text = `{${members.sort(() => random.below(3) - 1).join(random.below(2) === 0 ? ',' : '\n, ')}}`;
  const own = {
    ...eventContext,
    idempotencyKey: random.below(3) === 0 ? pickKey(random) : null,
    ...(random.below(2) === 0 ? { index: [0, 9, 10, 999, 9_999][random.below(5)]! } : {}),
    ...(random.below(3) === 0 ? { fingerprint: pickFingerprint(random) } : {}),
    traceparent: random.below(4) === 0 ? '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' : null,
    // A message may name a source and may have waited.
    ...(random.below(4) === 0 ? { source: texts[random.below(3)]! } : {}),
    ...(random.below(4) === 0 ? { askedAtMs: eventContext.nowMs - 7 } : {}),
  };
  return { text, context: own };
}
