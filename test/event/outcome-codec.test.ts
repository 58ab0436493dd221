import { Packr } from 'msgpackr';
import t from 'tap';
import {
  decodeDispatched,
  decodeOutcome,
  encodeDispatched,
  encodeOutcome,
  type OutcomeBody,
} from '../../engine/event/outcome-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';

const outcome: OutcomeBody = {
  attempt: 2,
  statusCode: 503,
  durationMs: 12.25,
  lagMs: 0.7,
  error: 'HTTP 503',
  responseBody: Buffer.from([0, 255, 10]),
  nextAttemptAtMs: 1_763_632_800_731 as WallMs,
};

t.test('an outcome comes back whole, with and without each of its parts', async (t) => {
  for (const body of [
    outcome,
    { ...outcome, statusCode: null },
    { ...outcome, error: null, responseBody: null, nextAttemptAtMs: null },
    { ...outcome, responseBody: new Uint8Array(0) },
    { ...outcome, error: 'größer 😀', responseBody: new Uint8Array(1_024).fill(200) },
    { ...outcome, attempt: 101, durationMs: 1_800_000.5, lagMs: -0.001 },
  ]) {
    const decoded = decodeOutcome(encodeOutcome(body));
    const bytes = (value: Uint8Array | null) => (value === null ? null : [...value]);
    t.same({ ...decoded, responseBody: bytes(decoded.responseBody) }, { ...body, responseBody: bytes(body.responseBody) });
  }
});

t.test('a dispatch comes back', async (t) => {
  for (const attempt of [1, 101, 127, 128, 255, 256, 65_536, 2 ** 32])
    t.same(decodeDispatched(encodeDispatched({ attempt })), { attempt });
});

t.test('what is laid out by hand is what the encoder of everything else makes of it', async (t) => {
  const packr = new Packr({ useRecords: false });
  const success = { ...outcome, error: null, responseBody: null, nextAttemptAtMs: null };
  for (const attempt of [1, 101, 200, 300]) {
    t.same([...encodeDispatched({ attempt })], [...packr.pack([1, attempt])]);
    for (const statusCode of [null, 0, 99, 200, 299])
      for (const durationMs of [0, 12.25, 200, 70_000, 2 ** 31, 1_800_000.5])
        for (const lagMs of [-0.001, 0.7, 3, 5_000_000_000.5]) {
          const body = { ...success, attempt, statusCode, durationMs, lagMs };
          t.same([...encodeOutcome(body)], [...packr.pack([1, attempt, statusCode, durationMs, lagMs, null, null, null])]);
        }
  }
});

t.test('a body owns its memory: the next one does not write into it', async (t) => {
  const first = encodeOutcome(outcome);
  encodeOutcome({ ...outcome, error: 'HTTP 500', attempt: 9 });
  t.equal(decodeOutcome(first).error, 'HTTP 503');
  t.equal(first.buffer.byteLength, first.length);
});

t.test('a body of another format is refused by name', async (t) => {
  const bytes = encodeOutcome(outcome);
  // msgpack: an array header of one byte, then the version as a small number.
  t.equal(bytes[1], 1);
  bytes[1] = 2;
  t.throws(() => decodeOutcome(bytes), new InvariantError('record body: expected format 1, found 2'));
  const dispatched = encodeDispatched({ attempt: 1 });
  dispatched[1] = 7;
  t.throws(() => decodeDispatched(dispatched), new InvariantError('record body: expected format 1, found 7'));
});
