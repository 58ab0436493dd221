import t from 'tap';
import { recordKinds, type StoredRecord } from '../../engine/event/record.js';
import { noEvent, settingsKind } from '../../engine/event/record.js';
import { encodeSettings } from '../../engine/event/settings-codec.js';
import { type Handle, noSequence, type Sequence, type WallMs } from '../../engine/kernel/brand.js';
import type { EventId } from '../../engine/kernel/event-id.js';
import { SnapshotIntake, sectionsOf } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { Random } from '../wheel/random.js';
import { failedOutcome, partition, TestPartition } from './partition-fixture.js';

const first = 1 as Sequence;

const bytesOf = (state: PartitionState, finalsFrom = first) => Buffer.concat([...sectionsOf(state, finalsFrom)]);

function restored(sections: Iterable<Uint8Array>, use?: { isAsked: boolean }): PartitionState {
  const state = new PartitionState(partition, use);
  const intake = new SnapshotIntake(state);
  for (const section of sections) intake.take(section);
  return state;
}

/** A history in which rows are freed and used again, so that handles and the order of the log part. */
function history(seed: number, steps: number): TestPartition {
  const random = new Random(seed);
  const test = new TestPartition();
  const events: EventId[] = [];
  for (let step = 0; step < steps; step++) {
    test.now += random.below(100);
    const event = events.length === 0 ? null : random.pick(events);
    const handle = event === null ? null : test.state.handleOf(event);
    const status = handle === null ? null : test.state.columns.status(handle);
    if (event === null || random.next() < 0.4) {
      const key = random.next() < 0.5 ? { externalJobId: `job-${step}` } : {};
      const scheduledAtMs = (test.now + random.below(10_000)) as WallMs;
      const expiresAtMs = random.next() < 0.3 ? ((scheduledAtMs + 5_000) as WallMs) : null;
      const destination = `https://${random.pick(['a', 'b', 'c', 'd'])}.test/x`;
      events.push(
        test.schedule({
          ...key,
          scheduledAtMs,
          expiresAtMs,
          destination,
          priority: random.below(10),
          createdAtMs: test.now as WallMs,
        }),
      );
    } else if (status === 'DISPATCHED') {
      test.end(event, random.next() < 0.5 ? failedOutcome : {});
    } else if (status !== null) {
      if (random.next() < 0.3) test.do({ op: 'cancel', event });
      else test.dispatch(event);
    }
  }
  return test;
}

t.test('memory made from a snapshot is the memory that it was taken of', async (t) => {
  const test = history(1, 3_000);
  const copy = restored(sectionsOf(test.state, first));
  t.equal(copy.lastSeq, test.state.lastSeq);
  t.equal(copy.pending, test.state.pending);
  t.ok(copy.pending > 100);
  t.same({ ...copy.byStatus }, { ...test.state.byStatus });
  t.same({ ...copy.byDeliveryType }, { ...test.state.byDeliveryType });
  t.equal(copy.finished.size, test.state.finished.size);
  for (const record of test.log) {
    if (record.kind !== recordKinds.accepted) continue;
    const [one, other] = [test.state.handleOf(record.event), copy.handleOf(record.event)];
    t.equal(one === null, other === null);
    if (one === null || other === null) {
      t.equal(copy.finished.seqOf(record.event), test.state.finished.seqOf(record.event));
      continue;
    }
    t.equal(copy.columns.dueAtMs(other), test.state.columns.dueAtMs(one));
    t.equal(copy.origins.name(copy.columns.origin(other)), test.state.origins.name(test.state.columns.origin(one)));
    const tag = { tagHigh: copy.columns.tagHigh(other), tagLow: copy.columns.tagLow(other) };
    if (tag.tagHigh !== 0) t.same(copy.tagged(tag), [other]);
  }
  t.equal(copy.origins.size, test.state.origins.size);
});

for (const isAsked of [true, false]) {
  t.test(`the same records give the same bytes, wherever snapshots were taken on the way, asked: ${isAsked}`, async (t) => {
    const other: string[] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const { log, state } = history(seed, 600);
      const whole = bytesOf(state);
      for (const cuts of [[300], [1, 2, 3], [100, 250, 400], [log.length]]) {
        let memory = new PartitionState(partition, { isAsked });
        for (const [place, record] of log.entries()) {
          if (cuts.includes(place)) memory = restored([...sectionsOf(memory, first)], { isAsked });
          memory.apply(record);
        }
        if (!bytesOf(memory).equals(whole)) other.push(`seed ${seed}, snapshots at ${cuts.join(', ')}`);
      }
    }
    t.same(other, []);
  });
}

t.test('rows that follow each other and rows of all over give the same bytes', async (t) => {
  const test = new TestPartition();
  const events = Array.from({ length: 600 }, (_, place) =>
    test.schedule({ destination: `https://${place % 7}.test/x`, priority: place % 10 }),
  );
  // Of the first half every third one is left, so the rows that are used again lie among them.
  for (let place = 0; place < 300; place++) if (place % 3 !== 0) test.do({ op: 'cancel', event: events[place]! });
  for (let place = 0; place < 150; place++) test.schedule({ destination: 'https://late.test/x' });
  const copy = restored(sectionsOf(test.state, first));
  t.equal(copy.pending, 550);
  for (let row = 0; row < 550; row++) t.equal(copy.columns.isLive(row as Handle), true);
  t.ok(bytesOf(copy).equals(bytesOf(test.state)));
});

t.test('a page that has just been opened is nothing that the records tell', async (t) => {
  const test = history(3, 200);
  const before = bytesOf(test.state);
  test.state.finished.openPage((test.state.lastSeq + 1) as Sequence);
  t.ok(bytesOf(test.state).equals(before));
});

t.test('finals before the newest segment are left to the indexes, and counted all the same', async (t) => {
  const test = history(2, 400);
  const next = (test.state.lastSeq + 1) as Sequence;
  const before = { ...test.state.byStatus };
  test.state.finished.openPage(next);
  const event = test.schedule();
  test.do({ op: 'cancel', event });
  const copy = restored(sectionsOf(test.state, next));
  t.equal(copy.finished.size, 1);
  t.equal(copy.finished.seqOf(event), test.state.lastSeq);
  t.same({ ...copy.byStatus }, { ...before, CANCELLED: before.CANCELLED + 1 });
  copy.removeBefore(next);
  t.equal(copy.byStatus.CANCELLED, 1, 'they go with their segment');
});

t.test('a state without an event has a snapshot, too', async (t) => {
  const copy = restored(sectionsOf(new PartitionState(partition), first));
  t.same([copy.lastSeq, copy.pending, copy.finished.size], [0, 0, 0]);
});

t.test('what is set for origins is in it', async (t) => {
  const state = new PartitionState(partition);
  const settings = { paused: true, concurrency: 3, ratePerSecond: null, secret: 'whsec_x' };
  const body = encodeSettings({ origin: 'https://a.test', version: 1 as Sequence, settings });
  state.apply({
    seq: 1 as Sequence,
    kind: settingsKind,
    event: noEvent,
    prev: noSequence,
    at: 0 as WallMs,
    body,
  } as StoredRecord);
  const copy = restored(sectionsOf(state, first));
  t.same(copy.settings.rows(), state.settings.rows());
  t.same(copy.settings.of('https://a.test').settings, settings);
});

t.test('more rows and origins than one section holds come back', async (t) => {
  const test = new TestPartition();
  for (let count = 0; count < 9_000; count++) test.schedule({ destination: `https://host-${count % 5_000}.test/` });
  const sections = [...sectionsOf(test.state, first)];
  t.equal(sections.length, 1 + 2 + 3);
  const copy = restored(sections);
  t.equal(copy.pending, 9_000);
  t.equal(copy.origins.size, 5_000);
  t.ok(bytesOf(copy).equals(bytesOf(test.state)));
  for (const { event } of test.log) {
    const handle = copy.handleOf(event)!;
    copy.apply({
      seq: (copy.lastSeq + 1) as Sequence,
      kind: recordKinds.cancelled,
      event,
      prev: copy.columns.newestSeq(handle),
      at: 0 as WallMs,
      body: new Uint8Array(0),
    });
  }
  t.same([copy.pending, copy.origins.size, copy.byStatus.CANCELLED], [0, 0, 9_000]);
});

t.test('a snapshot of another partition, or behind other records, is refused', async (t) => {
  const test = history(4, 20);
  const [outline] = [...sectionsOf(test.state, first)];
  t.throws(() => new SnapshotIntake(new PartitionState((partition + 1) as typeof partition)).take(outline!), /a snapshot of/);
  t.throws(() => new SnapshotIntake(test.state).take(outline!), /too late/);
});
