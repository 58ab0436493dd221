/** What the commands about data directories do with one of a node of a cluster, which holds some partitions, as copies. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readFormat } from '../../engine/log/data-dir.js';
import { backupDataDir } from '../../engine/upkeep/backup.js';
import { inspectEvent } from '../../engine/upkeep/inspect.js';
import { repairDataDir } from '../../engine/upkeep/repair.js';
import { restoreBackup } from '../../engine/upkeep/restore.js';
import { verifyDataDir } from '../../engine/upkeep/verify.js';
import { partition, tempDir } from '../log/log-fixture.js';
import { idOf, stoppedLog } from './stopped-log.js';
import { damageIn } from '../log/stored-records.js';

const copied = /^this is what one node of cluster c1 has copied: 1 of 4 partitions, .* the cluster itself is in NATS$/;

/** One partition out of four. */
async function setup(t: Test) {
  const log = await stoppedLog(t);
  for (const other of ['0000', '0001', '0002']) rmSync(join(log.dataDir, 'partitions', other), { recursive: true });
  writeFileSync(join(log.dataDir, 'format.json'), '{"format":2,"partitions":4,"hash":"fnv1a32","cluster":"c1"}\n');
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const verify = (dataDir = log.dataDir) => {
    const partitions: number[] = [];
    const isWhole = verifyDataDir({ dataDir, say, verdict: (verdict) => partitions.push(verdict.partition) });
    return { isWhole, partitions };
  };
  return { ...log, said, say, verify };
}

t.test('verify reads the partitions that the node holds, and does not miss the others', async (t) => {
  const { verify, said, dir } = await setup(t);
  t.same(verify(), { isWhole: true, partitions: [partition] });
  t.match(said[0], copied);
  damageIn({ dir }, 1);
  t.equal(verify().isWhole, false);
});

t.test('inspect shows an event, and nothing of those of partitions that the node does not hold', async (t) => {
  const { dataDir, say, said, events } = await setup(t);
  t.match(inspectEvent({ dataDir, id: idOf(events.pending), say }), { partition, event: { view: { status: 'DISPATCHED' } } });
  t.match(said[0], copied);
  rmSync(join(dataDir, 'partitions', '0003'), { recursive: true });
  t.equal(inspectEvent({ dataDir, id: idOf(events.pending), say }), null);
  t.match(said.at(-1), /copied: 0 of 4 partitions/);
});

t.test('repair refuses, and says how a copy is fetched again', async (t) => {
  const { dataDir, say, dir } = await setup(t);
  damageIn({ dir }, 1);
  for (const apply of [false, true]) {
    t.throws(() => repairDataDir({ dataDir, giveUp: [], apply, say, plan: () => undefined }), {
      message:
        /holds copies of what cluster c1 keeps, which are not repaired but fetched again: remove the folders in .*partitions/,
    });
  }
});

t.test('a backup says what it is, and becomes a directory of the same cluster', async (t) => {
  const { dataDir, say, said, verify } = await setup(t);
  const to = join(tempDir(t), 'backup');
  const { positions, damaged } = backupDataDir({ dataDir, to, link: false, say });
  t.same([positions, damaged], [[7], []]);
  t.match(said[0], copied);
  const restored = join(tempDir(t), 'data');
  const { isRestored, manifest } = restoreBackup({ from: to, dataDir: restored, evenIfDamaged: false, say });
  t.equal(isRestored, true);
  t.same(manifest.copied, { cluster: 'c1', partitions: [partition] });
  t.same(readFormat(restored), { partitions: 4, cluster: 'c1' });
  t.same(verify(restored), { isWhole: true, partitions: [partition] });
  t.notOk(existsSync(join(restored, 'webhook-secret')));
});
