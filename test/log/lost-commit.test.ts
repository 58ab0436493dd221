/**
 * F4: one bit flips in the middle of a -wal file that was not yet folded into the main file. SQLite takes everything from
 * there on for never written, and opens a shorter log without a word.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { Journal, TestLog, readBack } from './log-fixture.js';

function setup(t: ConstructorParameters<typeof TestLog>[0]) {
  const log = new TestLog(t);
  const journal = new Journal();
  for (let commit = 0; commit < 20; commit++) log.append(journal.accepted());
  // The files as a kill leaves them: a clean close would fold the -wal file in.
  const copy = log.copy(t);
  const { path } = listSegments(`${copy}/partitions/0003`)[0]!;
  return { copy, path, wal: readFileSync(`${path}-wal`) };
}

t.test('the log is found to be shorter than its mark, whichever commit the bit was in', (t) => {
  const wrong: string[] = [];
  const { copy, path, wal } = setup(t);
  t.equal(readBack(copy).failure, null, 'whole without the flip');
  for (let at = 40; at < wal.length; at += 499) {
    const flipped = Buffer.from(wal);
    flipped[at]! ^= 1 << (at % 8);
    writeFileSync(`${path}-wal`, flipped);
    rmSync(`${path}-shm`, { force: true });
    const { failure } = readBack(copy);
    if (!/its log is shorter than its mark: it ends at sequence \d+, 20 was durable/.test(failure ?? ''))
      wrong.push(`byte ${at}: ${failure}`);
  }
  t.same(wrong.slice(0, 3), []);
  t.end();
});

t.test('SQLite itself says nothing about it, and a refused start leaves the file for a repair', (t) => {
  const { copy, path, wal } = setup(t);
  const flipped = Buffer.from(wal);
  flipped[wal.length >> 1]! ^= 1;
  writeFileSync(`${path}-wal`, flipped);
  rmSync(`${path}-shm`, { force: true });
  const log = new TestLog(t, { dataDir: copy });
  t.match(log.writerReplies, [{ op: 'failed', failure: 'io', detail: /shorter than its mark/ }]);
  t.match(log.replay().end, { op: 'failed', failure: 'broken', detail: /shorter than its mark/ });
  log.close();
  t.same(readFileSync(`${path}-wal`), flipped);
  const database = openDatabase(path, { mode: 'read' });
  t.same(database.pragma('integrity_check', { simple: true }), 'ok');
  database.close();
  t.end();
});
