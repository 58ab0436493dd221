import t from 'tap';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import type { RetryTimes } from '../../engine/partition/command.js';
import { decideRetryOfMany } from '../../engine/partition/decide-retry.js';
import { randomSpec } from '../event/specs.js';
import { Random } from '../wheel/random.js';
import { failedOutcome, TestPartition } from './partition-fixture.js';

function randomTimes(random: Random, now: number): RetryTimes {
  const scheduledAtMs = (now + random.below(100_000) - 50_000) as WallMs;
  const delayMs = random.below(3) === 0 ? 5 : null;
  const expiresAtMs = random.pick([undefined, null, (now + random.below(1_000_000)) as WallMs]);
  return { scheduledAtMs, delayMs, ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

t.test('an event that is put back as one of many has the same record as one that is put back alone', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const test = new TestPartition();
    const event = test.schedule({ ...randomSpec(random), payload: null, maxRetries: 0 });
    if (random.below(2) === 0) test.do({ op: 'cancel', event });
    else {
      test.dispatch(event);
      test.end(event, failedOutcome);
    }
    test.now += 1_000;
    const times = randomTimes(random, test.now);
    const [known] = test.factsFor({ about: 'id', event, finished: null });
    const alone = test.ask({ op: 'retry', event, times }, [known!]).records[0]!;
    const spec = encodeSpec(known!.spec, known!.spec.fingerprint);
    const before = spec.slice();
    const among = decideRetryOfMany(test.state, times, { known: { ...known!, spec }, now: test.now as WallMs })!;
    t.same({ ...among, body: Buffer.from(among.body) }, { ...alone, body: Buffer.from(alone.body) }, `seed ${seed}`);
    t.same(spec, before, 'what was read stays as it was');
  }
});

t.test('what has been put back since it was read is left alone, and what has finished once more', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  test.do({ op: 'cancel', event });
  const [known] = test.factsFor({ about: 'id', event, finished: null });
  const times = { scheduledAtMs: test.now as WallMs, delayMs: null };
  const read = { ...known!, spec: encodeSpec(known!.spec, null) };
  test.doWithFacts({ op: 'retry', event, times });
  t.equal(decideRetryOfMany(test.state, times, { known: read, now: test.now as WallMs }), null);
  test.do({ op: 'cancel', event });
  t.equal(decideRetryOfMany(test.state, times, { known: read, now: test.now as WallMs }), null);
});
