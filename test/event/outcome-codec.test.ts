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
  t.same(decodeDispatched(encodeDispatched({ attempt: 101 })), { attempt: 101 });
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
