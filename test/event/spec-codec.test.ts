import t from 'tap';
import { fingerprintOf, keyOf, tagOfKey } from '../../engine/event/content.js';
import { labelsOf } from '../../engine/event/labels.js';
import { originOf } from '../../engine/event/origin.js';
import { defaultRetry, deliveryTypes, type EventSpec, retryStrategies } from '../../engine/event/spec.js';
import { decodeSpec, encodeSpec, SpecHead, type StoredSpec } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { Random } from '../wheel/random.js';
import { now, randomSpec, specOf } from './specs.js';

/** What a decoded spec must be: all that went in, and what was worked out from it. */
function storedOf(spec: EventSpec, fingerprint: Uint8Array | null): StoredSpec {
  const key = keyOf(spec);
  return {
    ...spec,
    origin: originOf(spec.deliveryType, spec.destination),
    tag: key === null ? null : tagOfKey(key),
    fingerprint: key === null ? null : fingerprint,
  };
}

/** Bytes as plain numbers, so that a view and an array of its own compare as equal. */
function comparable(spec: StoredSpec) {
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  return { ...spec, payload: hex(spec.payload), fingerprint: hex(spec.fingerprint) };
}

t.test('whatever goes in comes out, and the head agrees with the whole', async (t) => {
  const head = new SpecHead();
  for (let seed = 1; seed <= 300; seed++) {
    const spec = randomSpec(new Random(seed));
    const fingerprint = fingerprintOf(spec, true);
    const bytes = encodeSpec(spec, fingerprint);
    const decoded = decodeSpec(bytes);
    t.same(comparable(decoded), comparable(storedOf(spec, fingerprint)), `seed ${seed}`);
    head.at(bytes);
    const { priority, maxRetries, deliveryType, scheduledAtMs, createdAtMs, retry, origin } = decoded;
    t.same(
      {
        priority: head.priority,
        maxRetries: head.maxRetries,
        deliveryType: head.deliveryType,
        scheduledAtMs: head.scheduledAtMs,
        createdAtMs: head.createdAtMs,
        retry: head.retry,
        origin: head.origin,
        labels: head.labels,
        expiresAtMs: head.expiresAtMs === 0 ? null : head.expiresAtMs,
        tag: head.tagHigh === 0 && head.tagLow === 0 ? null : { high: head.tagHigh, low: head.tagLow },
      },
      {
        priority,
        maxRetries,
        deliveryType,
        scheduledAtMs,
        createdAtMs,
        retry,
        origin,
        labels: labelsOf(spec),
        expiresAtMs: decoded.expiresAtMs,
        tag: decoded.tag,
      },
      `head, seed ${seed}`,
    );
  }
});

t.test('a body is read where it lies in a larger buffer, as in a batch of records', async (t) => {
  const spec = specOf({ payload: Buffer.from('{"a":1}'), externalJobId: 'x' });
  const bytes = encodeSpec(spec, fingerprintOf(spec, true));
  const larger = new Uint8Array(bytes.length + 200).fill(0xff);
  larger.set(bytes, 77);
  const view = larger.subarray(77, 77 + bytes.length);
  t.same(comparable(decodeSpec(view)), comparable(decodeSpec(bytes)));
  t.equal(new SpecHead().at(view).origin, 'https://example.org');
});

t.test('no payload and an empty payload are different things', async (t) => {
  t.equal(decodeSpec(encodeSpec(specOf({ payload: null }), null)).payload, null);
  t.equal(decodeSpec(encodeSpec(specOf({ payload: new Uint8Array(0) }), null)).payload?.length, 0);
});

t.test('the payload is the tail of the body, byte for byte, and not copied when read', async (t) => {
  const payload = Buffer.from('{ "big": 123456789012345678901234567890, "b":1,"a":2 }');
  const bytes = encodeSpec(specOf({ payload }), null);
  t.same(Buffer.from(bytes.subarray(bytes.length - payload.length)), payload);
  t.equal(decodeSpec(bytes).payload!.buffer, bytes.buffer);
});

t.test('a body owns its memory: the next one does not write into it', async (t) => {
  const first = encodeSpec(specOf({ description: 'first' }), null);
  encodeSpec(specOf({ description: 'other' }), null);
  t.equal(decodeSpec(first).description, 'first');
});

t.test('without a key there is neither a tag nor a fingerprint', async (t) => {
  const decoded = decodeSpec(encodeSpec(specOf(), new Uint8Array(16).fill(1)));
  t.equal(decoded.tag, null);
  t.equal(decoded.fingerprint, null);
});

t.test('a body of another format is refused by name, not misread', async (t) => {
  const bytes = encodeSpec(specOf(), null);
  bytes[0] = 3;
  t.throws(
    () => decodeSpec(bytes),
    new InvariantError(`body of an accepted record: expected format 2, found 3 in ${bytes.length} bytes`),
  );
  t.throws(() => new SpecHead().at(bytes), InvariantError);
  t.equal(SpecHead.isReadable(bytes), false);
});

t.test('a body that is cut off before its head ends is refused', async (t) => {
  const bytes = encodeSpec(specOf(), null);
  for (let length = 0; length < 88; length++) {
    t.throws(() => new SpecHead().at(bytes.subarray(0, length)), InvariantError, `${length} bytes`);
    t.equal(SpecHead.isReadable(bytes.subarray(0, length)), false);
  }
  t.equal(SpecHead.isReadable(bytes), true);
});

t.test('one head serves many bodies', async (t) => {
  const head = new SpecHead();
  const soon = encodeSpec(specOf({ priority: 9 }), null);
  const later = encodeSpec(specOf({ priority: 1, scheduledAtMs: (now + 5) as WallMs }), null);
  t.equal(head.at(soon).priority, 9);
  t.equal(head.at(later).priority, 1);
  t.equal(head.scheduledAtMs, now + 5);
  t.equal(head.at(soon).scheduledAtMs, now);
});

t.test('numbers on disk keep their meaning', async (t) => {
  t.same(deliveryTypes.slice(0, 3), ['HTTP', 'NATS', 'LOCAL'], 'a new one goes to the end');
  t.same(retryStrategies.slice(0, 3), ['exponential', 'linear', 'fixed']);
  const spec = specOf({
    source: 's',
    type: 't',
    payload: Buffer.from('1'),
    retry: { ...defaultRetry, strategy: 'fixed' },
    expiresAtMs: (now + 1) as WallMs,
  });
  const parts = [
    '02050300', // version, priority, retries, HTTP
    '0000000000000000', // no key
    '0000002f', // bytes of the msgpack part
    '4279aa0b4e100000', // scheduled at
    '4279aa0b4e101000', // expires at
    '4279aa0b4e100000', // created at
    '408f400000000000414b7740000000004000000000000000', // retry: first wait, longest wait, multiplier
    '0201', // fixed, full jitter
    '0013', // bytes of the origin
    'f60c4582f10c3da3dc8aabd20000000000000000', // labels: source, type, destination, no tags
    '68747470733a2f2f6578616d706c652e6f7267', // https://example.org
    '9ec0a173a174c0c0b868747470733a2f2f6578616d706c652e6f72672f686f6f6ba4504f535490c3cd753090c0c0c0',
    '31', // the payload
  ];
  t.equal(Buffer.from(encodeSpec(spec, null)).toString('hex'), parts.join(''), 'format 2');
});
