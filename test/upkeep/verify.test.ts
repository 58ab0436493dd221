import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeCarried } from '../../engine/event/carried-codec.js';
import { carriedKind, type LogRecord } from '../../engine/event/record.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { surveyPartition } from '../../engine/upkeep/partition-survey.js';
import { lostRecordsOf } from '../../engine/upkeep/lost-events.js';
import { Journal, partition, readBack, seq, TestLog, tempDir } from '../log/log-fixture.js';
import { addSnapshot, idOf, stoppedLog, verdictOf } from './stopped-log.js';
import { damageIn, damages, removeRecords, storedRecord } from '../log/stored-records.js';

t.test('a log that is as it was written is whole', async (t) => {
  const { dataDir, dir } = await stoppedLog(t);
  const files = readdirSync(dir).map((name) => join(dir, name));
  const before = files.map((file) => readFileSync(file));
  t.equal(verdictOf(dataDir), null);
  t.same(
    files.map((file) => readFileSync(file)),
    before,
    'and stays as it is',
  );
});

t.test('a damaged row is named with its event and what became of it', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 1);
  damageIn(log, 3);
  damageIn(log, 6);
  const verdict = verdictOf(log.dataDir)!;
  t.equal(verdict.records, 4, 'the others are sound');
  t.same(
    verdict.lost!.map(({ seq, event, status, fault }) => [seq, event, status, fault.kind]),
    [
      [1, idOf(log.events.delivered), 'DELIVERED', 'records'],
      [3, idOf(log.events.pending), 'DISPATCHED', 'records'],
      [6, idOf(log.events.cancelled), null, 'records'],
    ],
  );
  t.match(verdict.faults[0]!.file, /0000000000000001\.log$/);
});

t.test('an id that was damaged with its row is found through the record behind it', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 1, damages.event);
  t.match(verdictOf(log.dataDir)!.lost, [{ seq: 1, event: idOf(log.events.delivered), status: 'DELIVERED' }]);
});

t.test('a damaged sum beside a sound record loses nothing', async (t) => {
  for (const [seq, sum] of [
    [4, 'crc'],
    [4, 'chain'],
    [5, 'crc'],
    [5, 'chain'],
    [6, 'chain'],
  ] as const) {
    const log = await stoppedLog(t);
    damageIn(log, seq, damages[sum]);
    const { faults, lost, records } = verdictOf(log.dataDir)!;
    t.match(faults, [{ kind: 'sum', sequences: { first: seq, last: seq } }], `${sum} of ${seq}`);
    t.equal(faults.length, 1);
    t.same(lost, []);
    t.equal(records, 7);
  }
});

t.test('a row that was exchanged for another sound one is found by the chain', async (t) => {
  const one = await stoppedLog(t);
  const other = await stoppedLog(t);
  const [foreign] = listSegments(other.dir);
  const { record, crc } = storedRecord(foreign!.path, 2);
  damageIn(one, 2, (stored) => Object.assign(stored, { record, crc }));
  t.match(verdictOf(one.dataDir), { faults: [{ kind: 'records', sequences: { first: 2, last: 2 } }] });
});

t.test('rows and segments that are not there are named', async (t) => {
  const rows = await stoppedLog(t);
  removeRecords(listSegments(rows.dir)[1]!.path, 5);
  t.match(verdictOf(rows.dataDir)!.lost, [{ seq: 5, event: null }]);

  const segment = await stoppedLog(t);
  rmSync(listSegments(segment.dir)[1]!.path);
  t.match(verdictOf(segment.dataDir)!.faults, [{ kind: 'records', sequences: { first: 4, last: 6 } }]);

  const whole = await stoppedLog(t);
  rmSync(whole.dir, { recursive: true });
  t.equal(verdictOf(whole.dataDir), null, 'a partition may not have begun yet');
});

t.test('a row that is no strip any more is all of its records, and one that says another sequence is none', async (t) => {
  const spoilt = await stoppedLog(t);
  const change = (path: string, sql: string) => {
    const database = openDatabase(path, { mode: 'write' });
    database.exec(sql);
    database.close();
  };
  change(listSegments(spoilt.dir)[1]!.path, "UPDATE strip SET content = x'00' WHERE first = 4");
  const { lost, records } = verdictOf(spoilt.dataDir)!;
  t.same([records, lost!.map(({ seq }) => seq)], [4, [4, 5, 6]]);

  const moved = await stoppedLog(t);
  change(listSegments(moved.dir)[1]!.path, 'UPDATE strip SET first = 70 WHERE first = 4');
  t.match(verdictOf(moved.dataDir), { records: 7, lost: [], faults: [{ kind: 'sum', sequences: { first: 4, last: 6 } }] });
});

t.test('a file that SQLite cannot read does not keep the others from being looked at', async (t) => {
  const log = await stoppedLog(t);
  truncateSync(listSegments(log.dir)[1]!.path, 100);
  const { faults, records } = verdictOf(log.dataDir)!;
  t.match(faults, [{ kind: 'records', sequences: { first: 4, last: 6 } }]);
  t.equal(faults.length, 1);
  t.equal(records, 4);
});

t.test('a log that ends before its mark, and a mark that cannot be read', async (t) => {
  const short = await stoppedLog(t);
  removeRecords(listSegments(short.dir)[2]!.path, 7);
  t.match(verdictOf(short.dataDir)!.lost, [{ seq: 7, event: null, status: null }]);

  const unmarked = await stoppedLog(t);
  rmSync(join(unmarked.dir, 'mark'));
  t.match(verdictOf(unmarked.dataDir)!.faults, [{ kind: 'mark', sequences: null }]);
});

t.test('a damaged index is named as something that the next start makes again', async (t) => {
  const log = await stoppedLog(t);
  const index = readdirSync(log.dir).find((name) => name.endsWith('.index'))!;
  writeFileSync(join(log.dir, index), 'x', { flag: 'r+' });
  t.match(verdictOf(log.dataDir)!.faults, [{ kind: 'remade', file: join(log.dir, index) }]);
});

t.test('a snapshot that is damaged, or of another log, is named as something that a start does without', async (t) => {
  const log = await stoppedLog(t);
  const path = addSnapshot(log, 6);
  t.equal(verdictOf(log.dataDir), null);
  renameSync(path, path.replace('6.snapshot', '5.snapshot'));
  t.equal(verdictOf(log.dataDir), null, 'its name says nothing that it does not say itself');
  renameSync(path.replace('6.snapshot', '5.snapshot'), path);
  damageIn(log, 6, damages.chain);
  t.match(verdictOf(log.dataDir)!.faults, [{ kind: 'sum' }, { kind: 'remade', file: path, detail: /does not bear/ }]);
  writeFileSync(path, 'x', { flag: 'r+' });
  t.match(verdictOf(log.dataDir)!.faults, [{ kind: 'sum' }, { kind: 'remade', detail: /not what was written/ }]);
});

t.test('what became of an event is also known from the record in which it was carried forward', async (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  const event = journal.accepted();
  const all = [event, journal.dispatched(event), journal.delivered(event)];
  const carried = { ...event, seq: seq(4), prev: seq(3), kind: carriedKind, body: encodeCarried(all) };
  log.append(...all, carried as unknown as LogRecord);
  log.close();
  damageIn(log, 3);
  const { dataDir } = log.options;
  const lost = lostRecordsOf({ dataDir, survey: surveyPartition({ dataDir, partition }) });
  t.match(lost, [{ seq: 3, event: idOf(event), status: 'DELIVERED' }]);
});

t.test('whatever bit is flipped: what a replay stumbles over, verify finds', async (t) => {
  const log = await stoppedLog(t);
  for (const { path } of listSegments(log.dir)) {
    const whole = readFileSync(path);
    const file = openSync(path, 'r+');
    let stumbles = 0;
    for (let at = 0; at < whole.length; at += whole[at] === 0 ? 61 : 5) {
      writeSync(file, new Uint8Array([whole[at]! ^ (1 << (at % 8))]), 0, 1, at);
      if (readBack(log.dataDir).failure !== null) {
        stumbles++;
        if (surveyPartition({ dataDir: log.dataDir, partition }).faults.length === 0)
          t.fail(`byte ${at} of ${path}: a replay fails and verify says that all is whole`);
      }
      writeSync(file, whole, at, 1, at);
    }
    closeSync(file);
    t.ok(stumbles > 10, `${stumbles} flips kept a replay from going on`);
  }
});

t.test('a directory in use, or that is not there, is not looked at', async (t) => {
  const dataDir = join(tempDir(t), 'data');
  t.throws(() => verdictOf(dataDir), /there is no data directory of Escapement's at/);
  const owner = openDataDir({ dataDir, partitions: 4, cluster: null });
  t.throws(() => verdictOf(dataDir), /in use by process \d+/);
  owner.close();
  t.equal(verdictOf(dataDir), null);
});
