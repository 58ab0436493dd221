import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type RecordKind, voidKind } from '../../engine/event/record.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { beginningPath } from '../../engine/log/segment/log-beginning.js';
import { listSegments, listSnapshots } from '../../engine/log/segment/segment-files.js';
import { repairDataDir } from '../../engine/upkeep/repair.js';
import type { RepairPlan } from '../../engine/upkeep/repair-plan.js';
import { makeMarkLater, makeSegmentLater } from '../log/later-version.js';
import { plain, readBack, TestLog } from '../log/log-fixture.js';
import { addSnapshot, idOf, type StoppedLog, stoppedLog, verdictOf } from './stopped-log.js';
import { damageIn, damages, removeRecords } from '../log/stored-records.js';

function repair(dataDir: string, { apply = false, giveUp = [] as readonly string[] } = {}) {
  const plans: RepairPlan[] = [];
  const result = repairDataDir({ dataDir, giveUp, apply, say: () => undefined, plan: (plan) => plans.push(plan) });
  const report = result.setAsideTo === null ? null : JSON.parse(readFileSync(join(result.setAsideTo, 'report.json'), 'utf8'));
  return { ...result, plan: plans[0] ?? null, report };
}

/** Sequences that are about nothing, after checking that the log can be replayed. */
function emptyIn(dataDir: string): number[] {
  const { records, failure } = readBack(dataDir);
  if (failure !== null) throw new Error(failure);
  return records.filter(({ kind }) => (kind as number) === voidKind).map(({ seq }) => seq);
}

t.test('without damage there is nothing to do', async (t) => {
  const { dataDir } = await stoppedLog(t);
  t.match(repair(dataDir, { apply: true }), { damaged: 0, setAsideTo: null });
});

t.test('a finished event that has lost a record is set aside, with a report and the files as they were', async (t) => {
  const log = await stoppedLog(t);
  const { dataDir, journal, events } = log;
  damageIn(log, 4);
  const before = readFileSync(listSegments(log.dir)[1]!.path);

  const dry = repair(dataDir);
  t.match(dry, {
    damaged: 1,
    setAsideTo: null,
    plan: { setAside: [{ event: idOf(events.delivered), status: 'DELIVERED' }], demands: [] },
  });
  t.notOk(existsSync(join(dataDir, 'set-aside')), 'it is a plan only');

  const { setAsideTo, report } = repair(dataDir, { apply: true });
  t.equal(verdictOf(dataDir), null);
  t.same(emptyIn(dataDir), [1, 4, 5], 'it has left with all of its records');
  const others = (records: readonly { seq: number }[]) => records.filter(({ seq }) => ![1, 4, 5].includes(seq));
  t.same(
    plain(others(readBack(dataDir).records) as never),
    plain(others(journal.records) as never),
    'the others are as they were',
  );
  t.match(report.partitions, [
    {
      partition: 3,
      empty_sequences: [1, 4, 5],
      events: [
        { event_id: idOf(events.delivered), external_job_id: 'a', lost_sequences: [4], sound_sequences: [1, 5], given_up: false },
      ],
    },
  ]);
  t.same(readFileSync(join(setAsideTo!, '0003', '0000000000000004.log')), before);
  t.match(repair(dataDir, { apply: true }), { damaged: 0 }, 'once is enough');
});

t.test('a pending event is given up only by name', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 3);
  const id = idOf(log.events.pending);
  t.match(repair(log.dataDir).plan, { setAside: [], demands: [{ names: [id] }] });
  t.throws(() => repair(log.dataDir, { apply: true }), new RegExp(`nothing was changed\\. --give-up ${id}`));
  t.throws(() => repair(log.dataDir, { apply: true, giveUp: [idOf(log.events.delivered)] }), /nothing of that name/);
  t.match(verdictOf(log.dataDir), { faults: [{}] });

  t.match(repair(log.dataDir, { apply: true, giveUp: [id] }).report, {
    given_up: [id],
    partitions: [{ events: [{ given_up: true }] }],
  });
  t.same(emptyIn(log.dataDir), [3, 7]);
});

t.test('the newest record of an event is given up with the event or alone', async (t) => {
  for (const [name, empty] of [
    ['event', [2, 6]],
    ['place', [6]],
  ] as const) {
    const log = await stoppedLog(t);
    damageIn(log, 6);
    const names = [idOf(log.events.cancelled), '3:6'];
    t.match(repair(log.dataDir).plan, { demands: [{ names }] });
    repair(log.dataDir, { apply: true, giveUp: [names[name === 'event' ? 0 : 1]!] });
    t.same(emptyIn(log.dataDir), empty);
    t.equal(verdictOf(log.dataDir), null);
  }
});

t.test('rows of which nobody knows whose they were are given up by their place', async (t) => {
  const log = await stoppedLog(t);
  removeRecords(listSegments(log.dir)[1]!.path, 5, 6);
  t.match(repair(log.dataDir).plan, { demands: [{ names: ['3:5-6'] }] });
  repair(log.dataDir, { apply: true, giveUp: ['3:5-6'] });
  t.same(emptyIn(log.dataDir), [5, 6]);
});

t.test('a log that ends before its mark reaches it again, so that no sequence is used twice', async (t) => {
  const log = await stoppedLog(t);
  removeRecords(listSegments(log.dir)[2]!.path, 7);
  repair(log.dataDir, { apply: true, giveUp: ['3:7'] });
  t.same(emptyIn(log.dataDir), [7]);
});

t.test('a segment that cannot be read, or is not there, becomes empty places', async (t) => {
  for (const spoil of [(path: string) => writeFileSync(path, 'no database'), (path: string) => rmSync(path)]) {
    const log = await stoppedLog(t);
    spoil(listSegments(log.dir)[1]!.path);
    const { plan } = repair(log.dataDir);
    // The record behind sequence 3 is sound; of what was in the segment nobody knows but what 7 says of 3.
    const giveUp = plan!.demands.map(({ names }) => names[0]!);
    repair(log.dataDir, { apply: true, giveUp });
    t.equal(verdictOf(log.dataDir), null);
    t.same(emptyIn(log.dataDir), [4, 5, 6]);
  }
});

t.test('damaged sums are made again and nothing is lost', async (t) => {
  for (const what of ['crc', 'chain', 'end'] as const) {
    const log = await stoppedLog(t);
    damageIn(log, 4, damages[what]);
    t.match(repair(log.dataDir, { apply: true }), { damaged: 1, plan: { setAside: [], demands: [] } });
    t.equal(verdictOf(log.dataDir), null, what);
    t.same(plain(readBack(log.dataDir).records), plain(log.journal.records));
  }
});

t.test('a damaged index is left behind, and the others stay', async (t) => {
  const log = await stoppedLog(t);
  const indexes = readdirSync(log.dir).filter((name) => name.endsWith('.index'));
  writeFileSync(join(log.dir, indexes[0]!), 'x', { flag: 'r+' });
  t.match(repair(log.dataDir, { apply: true }), { damaged: 1, plan: { demands: [] } });
  t.equal(verdictOf(log.dataDir), null);
  t.same(
    readdirSync(log.dir).filter((name) => name.endsWith('.index')),
    indexes.slice(1),
  );
});

t.test('snapshots from before the first change stay, later ones know what is no longer there', async (t) => {
  const log = await stoppedLog(t);
  addSnapshot(log, 3);
  addSnapshot(log, 7);
  damageIn(log, 6);
  repair(log.dataDir, { apply: true, giveUp: ['3:6'] });
  t.equal(verdictOf(log.dataDir), null);
  t.same(
    listSnapshots(log.dir).map(({ seq }) => seq),
    [3],
  );
});

t.test('a mark that is gone is made again when that is given up', async (t) => {
  const log = await stoppedLog(t);
  rmSync(join(log.dir, 'mark'));
  t.match(repair(log.dataDir).plan, { demands: [{ names: ['3:mark'] }] });
  repair(log.dataDir, { apply: true, giveUp: ['3:mark'] });
  t.equal(verdictOf(log.dataDir), null);
  t.same(plain(readBack(log.dataDir).records), plain(log.journal.records));
});

t.test('where the log begins is made known again when that is given up', async (t) => {
  const log = await stoppedLog(t);
  writeFileSync(beginningPath(log.dir), 'x');
  t.match(repair(log.dataDir).plan, { demands: [{ names: ['3:mark'] }] });
  repair(log.dataDir, { apply: true, giveUp: ['3:mark'] });
  t.equal(verdictOf(log.dataDir), null);
  t.same(plain(readBack(log.dataDir).records), plain(log.journal.records));
});

t.test('F36: what another version wrote is told apart from damage and is not touched, whatever is given up', async (t) => {
  const ways: Record<string, (log: StoppedLog) => void> = {
    'a segment': ({ dir }) => makeSegmentLater(listSegments(dir)[1]!),
    'the open segment': ({ dir }) => makeSegmentLater(listSegments(dir)[2]!),
    'the mark': ({ dir }) => makeMarkLater(dir),
    'a record': (log) => {
      const again = new TestLog(t, { dataDir: log.dataDir });
      const { event } = log.events.pending;
      again.append({ ...log.events.pending, event, seq: 8 as Sequence, prev: 7 as Sequence, kind: 17 as RecordKind });
      again.close();
    },
  };
  for (const [what, spoil] of Object.entries(ways)) {
    const log = await stoppedLog(t);
    spoil(log);
    const { faults } = verdictOf(log.dataDir)!;
    t.match(faults, [{ kind: 'foreign' }], what);
    t.equal(faults.length, 1, what);
    const files = readdirSync(log.dir).map((name) => join(log.dir, name));
    const before = files.map((file) => readFileSync(file));
    t.match(repair(log.dataDir).plan, { impossible: /another version/, demands: [] }, what);
    t.throws(() => repair(log.dataDir, { apply: true }), /use that version/, what);
    t.same(
      files.map((file) => readFileSync(file)),
      before,
      what,
    );
  }
});

t.test('a partition that is gone cannot be repaired', async (t) => {
  const log = await stoppedLog(t);
  rmSync(join(log.dataDir, 'partitions', '0002'), { recursive: true });
  t.match(repair(log.dataDir).plan, { impossible: /restore a backup/ });
  t.throws(() => repair(log.dataDir, { apply: true }), /restore a backup/);
});

t.test('a repair that was cut short keeps the directory from being used until it is ended', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 4);
  const { setAsideTo } = repair(log.dataDir, { apply: true });
  // As it is between the two steps of the exchange.
  const mended = join(setAsideTo!, 'partitions', '0003');
  mkdirSync(join(setAsideTo!, 'partitions'), { recursive: true });
  renameSync(log.dir, mended);
  writeFileSync(
    join(log.dataDir, 'repair-unfinished'),
    JSON.stringify({ setAsideTo: readdirSync(join(log.dataDir, 'set-aside'))[0], partition: 3 }),
  );
  t.throws(() => openDataDir({ dataDir: log.dataDir, partitions: 4, cluster: null }), /run "escapement repair" again/);
  t.match(repair(log.dataDir), { damaged: 0 });
  t.equal(verdictOf(log.dataDir), null);
  openDataDir({ dataDir: log.dataDir, partitions: 4, cluster: null }).close();
});
