import t from 'tap';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import type { RetryTimes } from '../../engine/partition/command.js';
import { encodeCarried } from '../../engine/event/carried-codec.js';
import { decideCarry } from '../../engine/partition/carry.js';
import { RecordCursor } from '../../engine/log/record-batch.js';
import { RetrySheafBuilder } from '../../engine/log/retry-sheaf.js';
import type { KnownEvent } from '../../engine/partition/command.js';
import { mayBePutBack, retryInPlace } from '../../engine/partition/decide-retry.js';
import { randomSpec } from '../event/specs.js';
import { Random } from '../wheel/random.js';
import { failedOutcome, TestPartition } from './partition-fixture.js';

/** As the reader lays it out; the cursor stands on it. */
function laidOut(known: KnownEvent): RecordCursor {
  const { event, newest, status, version, attempts, spec } = known;
  const builder = new RetrySheafBuilder();
  builder.append({ ids: event, idAt: 0, newest, status, version, attempts }, encodeSpec(spec, spec.fingerprint));
  const cursor = new RecordCursor(builder.take());
  cursor.next();
  return cursor;
}

t.test('an event that is put back as one of many has the same record as one that is put back alone', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const test = new TestPartition();
    const expiresAtMs = random.pick([null, (test.now + 60_000 + random.below(1_000_000)) as WallMs]);
    const event = test.schedule({ ...randomSpec(random), payload: null, maxRetries: 0, expiresAtMs });
    if (random.below(2) === 0) test.do({ op: 'cancel', event });
    else {
      test.dispatch(event);
      test.end(event, failedOutcome);
    }
    test.now += 1_000 + random.below(500_000);
    const times: RetryTimes = { scheduledAtMs: (test.now + random.below(100_000) - 50_000) as WallMs, delayMs: null };
    const [known] = test.factsFor({ about: 'id', event, finished: null });
    const alone = test.ask({ op: 'retry', event, times }, [known!]).records[0]!;
    const cursor = laidOut(known!);
    t.ok(mayBePutBack(test.state, cursor));
    retryInPlace(test.state, cursor, { ...times, now: test.now as WallMs });
    const among = cursor.toRecord();
    const { body, event: id } = among;
    t.same(
      { ...among, body: Buffer.from(body), event: Buffer.from(id) },
      { ...alone, body: Buffer.from(alone.body), event: Buffer.from(alone.event) },
      `seed ${seed}`,
    );
  }
});

t.test('what has been put back since it was read is left alone, and what has finished once more', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  test.do({ op: 'cancel', event });
  const [known] = test.factsFor({ about: 'id', event, finished: null });
  const times = { scheduledAtMs: test.now as WallMs, delayMs: null };
  const read = laidOut(known!);
  t.ok(mayBePutBack(test.state, read));
  test.doWithFacts({ op: 'retry', event, times });
  t.notOk(mayBePutBack(test.state, read));
  test.do({ op: 'cancel', event });
  t.notOk(mayBePutBack(test.state, read));
});

t.test('what has been carried forward since it was read is put back behind its newest record', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  test.do({ op: 'cancel', event });
  const [known] = test.factsFor({ about: 'id', event, finished: null });
  const read = laidOut(known!);
  const now = test.now as WallMs;
  const carried = decideCarry(test.state, { event, newest: known!.newest, body: encodeCarried(test.log) }, now)!;
  test.state.apply(carried);
  t.ok(mayBePutBack(test.state, read));
  retryInPlace(test.state, read, { scheduledAtMs: now, now });
  t.match(read, { prev: carried.seq, seq: carried.seq + 1 });
  test.state.applyAt(read);
  t.equal(test.state.columns.status(test.state.handleOf(event)!), 'SCHEDULED');
});
