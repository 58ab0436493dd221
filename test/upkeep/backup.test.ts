import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { MonoMs } from '../../engine/kernel/brand.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { becomeOneFile } from '../../engine/log/index-task.js';
import { listSegments, listSnapshots } from '../../engine/log/segment/segment-files.js';
import { backupDataDir, type BackupResult } from '../../engine/upkeep/backup.js';
import { PartitionCopy } from '../../engine/upkeep/partition-copy.js';
import { surveyPartition } from '../../engine/upkeep/partition-survey.js';
import { Progress } from '../../engine/upkeep/progress.js';
import { restoreBackup, type RestoreResult } from '../../engine/upkeep/restore.js';
import { Journal, partition, plain, readBack, TestLog, tempDir } from '../log/log-fixture.js';
import { addSnapshot, stoppedLog, verdictOf } from './stopped-log.js';
import { damageIn } from '../log/stored-records.js';

const say = (): void => undefined;

/** A log with two sealed segments and an open one, still in use, and what was committed to it. */
async function setup(t: Test) {
  const log = new TestLog(t, { segmentBytesMax: 1 });
  const { dataDir } = log.options;
  writeFileSync(join(dataDir, 'format.json'), '{"format":2,"partitions":4,"hash":"fnv1a32"}\n');
  writeFileSync(join(dataDir, 'webhook-secret'), 'whsec_abc\n', { mode: 0o600 });
  writeFileSync(join(dataDir, 'node-id'), 'old-node\n');
  writeFileSync(join(dataDir, 'stream-id'), 'abc123\n');
  const journal = new Journal();
  const fill = (count: number): void => {
    for (let n = 0; n < count; n++) log.append(journal.accepted({ payload: Buffer.alloc(20_000, '1') }));
  };
  fill(60);
  log.replay();
  log.tick();
  await log.runTasks();
  fill(60);
  log.tick();
  fill(60);
  return { log, journal, fill, dataDir };
}

function backup(t: Test, dataDir: string, { link = false } = {}): BackupResult & { readonly to: string } {
  const to = join(tempDir(t), 'backup');
  return { ...backupDataDir({ dataDir, to, link, say }), to };
}

function restore(t: Test, from: string, { evenIfDamaged = false } = {}): RestoreResult & { readonly dataDir: string } {
  const dataDir = join(tempDir(t), 'data');
  return { ...restoreBackup({ from, dataDir, evenIfDamaged, say }), dataDir };
}

t.test('a backup of a log in use restores to what was committed when it was made', async (t) => {
  for (const link of [false, true]) {
    const { log, journal, fill, dataDir } = await setup(t);
    const committed = plain(journal.records);
    const { to, positions, damaged } = backup(t, dataDir, { link });
    t.same(positions, [0, 0, 0, 180]);
    t.same(damaged, []);
    fill(10);
    log.tick();
    fill(10);
    log.close();

    const restored = restore(t, to);
    t.equal(restored.isRestored, true);
    t.same(plain(readBack(restored.dataDir).records), committed);
    t.equal(readdirSync(join(restored.dataDir, 'partitions', '0003')).filter((name) => name.endsWith('.index')).length, 1);
    t.equal(statSync(to).mode & 0o077, 0, 'nobody else may read a backup');
  }
});

t.test('a segment that retention removes before its turn is done without, with all that is older', async (t) => {
  const { dataDir, log } = await setup(t);
  const [first, second] = listSegments(log.dir);
  const to = join(tempDir(t), 'backup');
  const progress = new Progress({ what: 'copied', totalBytes: 1, say, clock: { monoMs: () => 0 as MonoMs } });
  let copied = 0;
  progress.add = () => {
    // Behind the first segment, and before the second.
    if (++copied > 1) return;
    for (const { path } of [first!, second!]) for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  };
  t.equal(new PartitionCopy({ dataDir, to, partition, link: false, progress }).run(), 180);
  t.same(
    listSegments(join(to, 'partitions', '0003')).map(({ first }) => first),
    [121],
  );
  t.same(surveyPartition({ dataDir: to, partition }).faults, []);
});

t.test('a restored directory can be used, and is not the one that was backed up', async (t) => {
  const { dataDir } = await setup(t);
  const restored = restore(t, backup(t, dataDir).to);
  const dir = openDataDir({ dataDir: restored.dataDir, partitions: 4, cluster: null });
  t.teardown(() => dir.close());
  t.equal(dir.webhookSecret, 'whsec_abc', 'receivers go on checking with the same secret');
  t.not(dir.nodeId, 'old-node');
  t.not(dir.streamId, 'abc123');
  t.match(dir.streamId, /^[\w-]{6}$/);
  t.match(JSON.parse(readFileSync(join(restored.dataDir, 'restored.json'), 'utf8')), { positions: [0, 0, 0, 180] });
});

t.test('the log of a restored directory goes on behind the backup', async (t) => {
  const { dataDir } = await setup(t);
  const restored = restore(t, backup(t, dataDir).to);
  const log = new TestLog(t, { dataDir: restored.dataDir });
  log.replay();
  const more = new Journal(181).accepted();
  t.match(log.append(more), [{ op: 'durable', seq: 181 }]);
  log.close();
  t.equal(verdictOf(restored.dataDir), null);
});

t.test('a backup that is cut short, changed or incomplete is refused, and nothing is restored', async (t) => {
  const { dataDir } = await setup(t);
  const { to } = backup(t, dataDir);
  const segment = listSegments(join(to, 'partitions', '0003'))[0]!.path;
  const manifest = readFileSync(join(to, 'backup.json'));

  writeFileSync(join(to, 'backup.json'), manifest.toString().replace('"bytes":', '"bytes":1'));
  t.throws(() => restore(t, to), /damaged: its backup\.json/);
  rmSync(join(to, 'backup.json'));
  t.throws(() => restore(t, to), /no backup, or one that was cut short/);
  writeFileSync(join(to, 'backup.json'), manifest);

  const whole = readFileSync(segment);
  appendFileSync(segment, 'x');
  const changed = restore(t, to);
  t.match(changed, { isRestored: false, damagedFiles: ['partitions/0003/0000000000000001.log'] });
  t.notOk(existsSync(changed.dataDir));
  writeFileSync(segment, whole);
  // As long as it was, and nothing in it says what it should be.
  const secret = join(to, 'webhook-secret');
  writeFileSync(secret, readFileSync(secret, 'utf8').replace('abc', 'abd'));
  t.match(restore(t, to), { isRestored: false, damagedFiles: ['webhook-secret'] });
  writeFileSync(secret, readFileSync(secret, 'utf8').replace('abd', 'abc'));
  rmSync(join(to, 'partitions', '0003', 'mark'));
  t.match(restore(t, to), { isRestored: false, damagedFiles: ['partitions/0003/mark'] });
});

t.test('a backup of something damaged says so, and is restored only when that is asked for', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 1);
  becomeOneFile(listSegments(log.dir)[0]!);
  const { to, damaged } = backup(t, log.dataDir);
  t.match(damaged, [{ partition: 3, faults: [{ sequences: { first: 1, last: 1 } }] }]);
  const refused = restore(t, to);
  t.match(refused, { isRestored: false, damaged: [{ partition: 3 }] });
  t.same(readdirSync(refused.dataDir), [], 'nothing is left of it');
  t.match(restore(t, to, { evenIfDamaged: true }), { isRestored: true, damaged: [{ partition: 3 }] });

  const open = await stoppedLog(t);
  damageIn(open, 7);
  t.throws(() => backup(t, open.dataDir), /sequence 7/);
});

t.test('the newest snapshot of what was copied comes along', async (t) => {
  const log = await stoppedLog(t);
  addSnapshot(log, 3);
  addSnapshot(log, 6);
  const restored = restore(t, backup(t, log.dataDir).to);
  t.same(
    listSnapshots(join(restored.dataDir, 'partitions', '0003')).map(({ seq }) => seq),
    [6],
  );
});

t.test('a restore touches no directory that holds anything, and one that was cut short is not used', async (t) => {
  const { dataDir } = await setup(t);
  const { to } = backup(t, dataDir);
  const target = tempDir(t);
  writeFileSync(join(target, 'mine'), '');
  t.throws(() => restoreBackup({ from: to, dataDir: target, evenIfDamaged: false, say }), /is not empty \(it holds mine\)/);
  t.same(readdirSync(target), ['mine']);

  const unfinished = tempDir(t);
  writeFileSync(join(unfinished, 'restore-unfinished'), '');
  t.throws(() => openDataDir({ dataDir: unfinished, partitions: 4, cluster: null }), /a restore into .* was cut short/);
});

t.test('a backup goes into a new folder outside of the data directory, and is no data directory', async (t) => {
  const { dataDir } = await setup(t);
  const { to } = backup(t, dataDir);
  t.throws(() => backupDataDir({ dataDir, to, link: false, say }), /is not empty/);
  t.throws(() => backupDataDir({ dataDir, to: join(dataDir, 'backup'), link: false, say }), /lies in the data directory/);
  t.throws(() => openDataDir({ dataDir: to, partitions: 4, cluster: null }), /not Escapement's/);
});
