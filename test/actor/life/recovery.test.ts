import t from 'tap';
import { Reads } from '../../../engine/actor/reads.js';
import { Recovery } from '../../../engine/actor/life/recovery.js';
import { type LogRecord, recordKinds } from '../../../engine/event/record.js';
import type { PartitionId, Sequence, WallMs } from '../../../engine/kernel/brand.js';
import { InvariantError } from '../../../engine/kernel/errors.js';
import { formatEventId } from '../../../engine/kernel/event-id.js';
import type { ReaderReply, ReaderRequest, SegmentOutline } from '../../../engine/log/protocol.js';
import { SegmentFilter } from '../../../engine/log/index/segment-filter.js';
import { acceptedRecords, batchesOf, newId, start } from '../host-fixture.js';

const partition = 0 as PartitionId;
const never = () => false;
const later = { scheduledAtMs: (start + 1_000) as WallMs };

function setup({ couriers = 0 } = {}) {
  const sent: ReaderRequest[] = [];
  const reads = new Reads((request) => sent.push(request));
  const recovery = new Recovery({ partition, reads, couriers });
  const { tag } = sent[0] as { tag: number };
  const answer = (reply: Record<string, unknown>) => reads.answered({ tag, ...reply } as ReaderReply);
  return {
    recovery,
    sent,
    answer,
    replay(records: readonly LogRecord[], { last = records.length, segments = [] as readonly SegmentOutline[] } = {}) {
      answer({ op: 'replay-start', segments, damaged: [] });
      for (const batch of batchesOf(records)) answer({ op: 'replay-batch', batch, done: 0.5 });
      answer({ op: 'replay-done', last });
    },
  };
}

t.test('an empty log is an empty partition', async (t) => {
  const { recovery, replay } = setup();
  t.equal(recovery.step(never), null, 'not before it is known to be empty');
  replay([]);
  const result = recovery.step(never);
  t.equal(result?.state.lastSeq, 0);
  t.equal(result?.state.pending, 0);
});

t.test('each batch that is begun asks for the next, so that one is under way and no more', async (t) => {
  const { recovery, sent, answer } = setup();
  const records = acceptedRecords(3, () => later);
  for (const record of records) answer({ op: 'replay-batch', batch: batchesOf([record])[0], done: 0.2 });
  t.equal(recovery.done, 0.2);
  t.equal(sent.filter(({ op }) => op === 'replay-next').length, 0);
  recovery.step(never);
  t.equal(sent.filter(({ op }) => op === 'replay-next').length, 3);
  t.equal(recovery.state.lastSeq, 3);
});

t.test('it stops when the time of the turn is up, and goes on in the next', async (t) => {
  const { recovery, replay } = setup();
  replay(acceptedRecords(5_000, () => later));
  const always = () => true;
  let steps = 0;
  let most = 0;
  let result = null;
  for (; recovery.hasWork; steps++) {
    const before = recovery.state.lastSeq;
    t.equal(result, null);
    result = recovery.step(always);
    most = Math.max(most, recovery.state.lastSeq - before);
  }
  t.ok(most <= 256, `${most} records between two looks at the clock`);
  t.ok(steps >= 5_000 / 256);
  t.equal(result?.state.pending, 5_000, 'the last step hands it out: nobody would ask once more');
});

t.test('it is not done before every courier has told what it runs', async (t) => {
  const { recovery, replay } = setup({ couriers: 2 });
  const event = newId();
  replay([]);
  t.equal(recovery.step(never), null);
  recovery.courierRuns(0, [{ event, attempt: 3 }]);
  t.equal(recovery.step(never), null);
  recovery.courierRuns(1, []);
  t.same([...recovery.step(never)!.running], [[formatEventId(event), 3]]);
});

t.test('a courier that died after it had told what it runs does not answer for another', async (t) => {
  const { recovery, replay } = setup({ couriers: 2 });
  replay([]);
  recovery.courierRuns(0, [{ event: newId(), attempt: 1 }]);
  recovery.courierRuns(0, []);
  t.equal(recovery.step(never), null);
  recovery.courierRuns(1, []);
  t.not(recovery.step(never), null);
});

t.test('a log that ends elsewhere than it says is not taken for whole', async (t) => {
  for (const last of [1, 3]) {
    const { recovery, replay } = setup();
    replay(
      acceptedRecords(2, () => later),
      { last },
    );
    t.throws(() => recovery.step(never), new InvariantError(`partition 0: replay ended at 2, the log at ${last}`));
  }
});

t.test('records that contradict each other end it', async (t) => {
  const { recovery, replay } = setup();
  const [first, second] = acceptedRecords(2, () => later);
  replay([first!, { ...second!, kind: recordKinds.delivered }]);
  t.throws(() => recovery.step(never), InvariantError);
});

t.test('a replay that fails says so and never has a result', async (t) => {
  const { recovery, answer } = setup();
  answer({ op: 'replay-batch', batch: batchesOf(acceptedRecords(1, () => later))[0], done: 0.5 });
  answer({ op: 'failed', failure: 'broken', detail: 'the chain breaks at 2' });
  t.equal(recovery.step(never), null);
  t.match(recovery.failure, { failure: 'broken', detail: 'the chain breaks at 2' });
});

t.test('finals that a segment index knows are not remembered', async (t) => {
  const { recovery, replay } = setup();
  const [accepted] = acceptedRecords(1, () => later);
  const cancelled = {
    ...accepted!,
    seq: 2 as Sequence,
    prev: 1 as Sequence,
    kind: recordKinds.cancelled,
    body: new Uint8Array(0),
  };
  const filter = SegmentFilter.for({ ids: 1, keys: 0 });
  filter.addId(accepted!.event);
  const segments = [
    { first: 1 as Sequence, next: 3 as Sequence, filter: filter.words },
    { first: 3 as Sequence, next: null, filter: null },
  ];
  replay([accepted!, cancelled], { segments });
  const { state } = recovery.step(never)!;
  t.equal(state.finished.size, 0);
  t.equal(state.byStatus.CANCELLED, 1);
  t.ok(state.finished.mayBeIndexedId(accepted!.event));
});
