/** Messages between hosts and couriers, laid out by hand, against the objects that went in. */
import t from 'tap';
import { decodeReplies, decodeRequests, encodeReplies, encodeRequests } from '../../engine/dispatch/courier-mail.js';
import { type CourierReply, type CourierRequest, lanes } from '../../engine/dispatch/protocol.js';
import { type Attempt, type Outcome, outcomeKinds } from '../../engine/event/attempt.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { eventIdBytes } from '../../engine/kernel/event-id.js';
import { responseKeptBytesMax } from '../../engine/kernel/limits.js';
import { Random } from '../wheel/random.js';

const partition = 3 as PartitionId;
const dueAtMs = 1_763_632_800_123.25 as WallMs;
const event = Uint8Array.from({ length: eventIdBytes }, (_, place) => 240 + place);

const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
  partition,
  event,
  attempt: 1,
  run: 0,
  origin: 'https://one.test',
  spec: Uint8Array.from([1, 2, 3]),
  dueAtMs,
  overdue: false,
  ...changes,
});

const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  partition,
  event,
  attempt: 1,
  kind: 'delivered',
  startedAtMs: dueAtMs,
  durationMs: 0.125,
  lagMs: 0.7,
  statusCode: 204,
  error: null,
  responseBody: null,
  retryAfterMs: null,
  ...changes,
});

t.test('attempts come back as they went, each with its own origin', async (t) => {
  const attempts = [
    attempt(),
    attempt({ attempt: 101, run: 4_000_000_000, partition: 4_095 as PartitionId }),
    attempt({ origin: 'https://zwei.täst:8443', overdue: true }),
    attempt({ origin: 'https://one.test', spec: new Uint8Array(0) }),
    attempt({ origin: '' }),
    attempt({ spec: Uint8Array.from({ length: 3_000 }, (_, place) => place & 255) }),
    attempt({ origin: 'local:a' }),
  ];
  const requests = attempts.map((one): CourierRequest => ({ op: 'start', attempt: one }));
  t.same(decodeRequests(encodeRequests(requests)), requests);
});

t.test('outcomes come back as they went, with and without an answer or an error', async (t) => {
  const outcomes = [
    outcome(),
    outcome({ statusCode: null }),
    outcome({ statusCode: 999, responseBody: new Uint8Array(0) }),
    outcome({ responseBody: new Uint8Array(responseKeptBytesMax).fill(7) }),
    outcome({ responseBody: new Uint8Array(0xff_ff) }),
    outcome({ kind: 'failed', statusCode: 503, error: 'HTTP 503', retryAfterMs: 1_500 }),
    outcome({ kind: 'failed', statusCode: null, error: 'timed out after 30000 ms — ä' }),
    outcome({ kind: 'failed', retryAfterMs: 0 }),
    outcome({ kind: 'gone', statusCode: 410 }),
  ];
  const replies = outcomes.map((one): CourierReply => ({ op: 'outcome', outcome: one }));
  t.same(decodeReplies(encodeReplies(replies)), replies);
});

t.test('whatever else is said stays where it stood between attempts and outcomes', async (t) => {
  const slots = { origin: 'https://one.test', lane: 'regular', count: 1 } as const;
  const requests: CourierRequest[] = [
    { op: 'want', ...slots },
    { op: 'start', attempt: attempt() },
    { op: 'call-off', partition },
    { op: 'running?', partition },
    { op: 'start', attempt: attempt({ attempt: 2 }) },
    { op: 'release', ...slots },
    { op: 'unwant', origin: 'nats', lane: 'overdue', count: 2 ** 32 - 1 },
  ];
  t.same(decodeRequests(encodeRequests(requests)), requests);
  t.same(decodeRequests(encodeRequests(requests.slice(0, 1))), requests.slice(0, 1));
  const replies: CourierReply[] = [
    { op: 'grant', ...slots },
    { op: 'outcome', outcome: outcome() },
    { op: 'advance', origin: slots.origin },
    { op: 'recall', origin: 'https://zwei.täst' },
    { op: 'waiting', origin: slots.origin, reason: null },
    { op: 'running', partition, attempts: [{ event, attempt: 1 }] },
    { op: 'outcome', outcome: outcome({ statusCode: 200 }) },
    { op: 'unstarted', partition, event },
  ];
  t.same(decodeReplies(encodeReplies(replies)), replies);
  t.same(decodeReplies(encodeReplies([])), []);
});

t.test('a batch owns its bytes: the next one does not write into it, also when it was larger than the memory kept', async (t) => {
  const sizes = [10, 200_000, 3_000_000, 10];
  const batches = sizes.map((size, at) =>
    encodeRequests([{ op: 'start', attempt: attempt({ attempt: at, spec: new Uint8Array(size).fill(at) }) }]),
  );
  for (const [at, batch] of batches.entries()) {
    t.equal(batch.byteLength, batch.buffer.byteLength);
    const [request] = decodeRequests(batch) as Extract<CourierRequest, { op: 'start' }>[];
    t.equal(request!.attempt.attempt, at);
    t.ok(Buffer.alloc(sizes[at]!, at).equals(request!.attempt.spec), `the ${sizes[at]} bytes that went in`);
    t.equal(request!.attempt.spec.buffer, batch.buffer, 'a view into the batch');
  }
});

t.test('a batch that cannot be laid out leaves nothing in the next one', async (t) => {
  const nobody: CourierRequest = { op: 'start', attempt: attempt({ event: null as never }) };
  t.throws(() => encodeRequests([{ op: 'start', attempt: attempt() }, nobody]));
  const requests: CourierRequest[] = [{ op: 'running?', partition }];
  t.same(decodeRequests(encodeRequests(requests)), requests);
});

t.test('a batch that lies in something larger is read from where it begins', async (t) => {
  const requests: CourierRequest[] = [
    { op: 'start', attempt: attempt() },
    { op: 'running?', partition },
  ];
  const batch = encodeRequests(requests);
  const larger = new Uint8Array(batch.length + 14).fill(255);
  larger.set(batch, 7);
  t.same(decodeRequests(larger.subarray(7, 7 + batch.length)), requests);
});

t.test('bytes that are no batch are an error of ours', async (t) => {
  t.throws(() => decodeRequests(Uint8Array.from([9, 0, 0, 0, 0])), { message: /no entry 9/ });
  t.throws(() => decodeReplies(Uint8Array.from([9, 0, 0, 0, 0])), { message: /no entry 9/ });
});

t.test('random batches come back as they went', async (t) => {
  const random = new Random(20261122);
  const bytesOf = (length: number) => Uint8Array.from({ length }, () => random.below(256));
  const origins = ['local:sink', 'https://one.test', 'http://[::1]:8080', 'nats', 'https://ü.test'];
  const maybe = <One>(one: () => One): One | null => (random.below(2) === 0 ? null : one());
  const anyAttempt = () =>
    attempt({
      partition: random.below(4_096) as PartitionId,
      event: bytesOf(eventIdBytes),
      attempt: random.below(2 ** 32),
      run: random.below(200),
      origin: random.pick(origins),
      spec: bytesOf(random.below(400)),
      dueAtMs: (random.below(2 ** 31) * 1_000 + random.below(4_096) / 4_096) as WallMs,
      overdue: random.below(2) === 0,
    });
  const anyOutcome = () =>
    outcome({
      partition: random.below(4_096) as PartitionId,
      event: bytesOf(eventIdBytes),
      attempt: random.below(2 ** 32),
      kind: random.pick(outcomeKinds),
      startedAtMs: (random.below(2 ** 31) * 1_000 + random.below(4_096) / 4_096) as WallMs,
      durationMs: random.below(2 ** 31) / 1_000,
      lagMs: random.below(2 ** 31) / 1_000,
      statusCode: maybe(() => 100 + random.below(900)),
      responseBody: maybe(() => bytesOf(random.below(responseKeptBytesMax + 1))),
      error: random.below(4) > 0 ? null : `trouble ${random.below(1_000)}`,
      retryAfterMs: random.below(4) > 0 ? null : random.below(100_000),
    });
  for (let round = 0; round < 50; round++) {
    const requests = Array.from({ length: random.below(20) }, (): CourierRequest => {
      if (random.below(3) > 0) return { op: 'start', attempt: anyAttempt() };
      if (random.below(4) === 0) return { op: 'running?', partition };
      const op = random.pick(['want', 'unwant', 'release'] as const);
      return { op, origin: random.pick(origins), lane: random.pick(lanes), count: random.below(1_000) };
    });
    t.same(decodeRequests(encodeRequests(requests)), requests, `requests of round ${round}`);
    const replies = Array.from({ length: random.below(20) }, (): CourierReply => {
      if (random.below(3) > 0) return { op: 'outcome', outcome: anyOutcome() };
      if (random.below(4) === 0) return { op: 'unstarted', partition, event: bytesOf(eventIdBytes) };
      const origin = random.pick(origins);
      if (random.below(2) === 0) return { op: random.pick(['advance', 'recall'] as const), origin };
      return { op: 'grant', origin, lane: random.pick(lanes), count: random.below(1_000) };
    });
    t.same(decodeReplies(encodeReplies(replies)), replies, `replies of round ${round}`);
  }
});
