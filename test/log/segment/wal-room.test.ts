import { readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { listSegments } from '../../../engine/log/segment/segment-files.js';
import { Journal, TestLog, plain, readBack } from '../log-fixture.js';

const KiB = 1024;
/** Of a -wal file: before its frames, and one of them. */
const fileHeadBytes = 32;
const frameBytes = 24 + 4_096;
const payload = Buffer.alloc(20 * KiB, 'p');

/** Commits of 20 KiB each; the sizes of the -wal file behind each of them. */
function setup(t: ConstructorParameters<typeof TestLog>[0], { commits = 60, durability = 'fsync' as 'fsync' | 'os' } = {}) {
  const log = new TestLog(t, { durability });
  const journal = new Journal();
  const wal = `${listSegments(log.dir)[0]!.path}-wal`;
  const sizes: number[] = [];
  for (let commit = 0; commit < commits; commit++) {
    log.append(journal.accepted({ payload }));
    sizes.push(statSync(wal).size);
  }
  return { log, journal, wal, sizes };
}

t.test('a -wal file that is no longer small grows in few large steps', async (t) => {
  const { sizes } = setup(t);
  const small = sizes.filter((size) => size < 128 * KiB);
  t.equal(new Set(small).size, small.length, 'a small one grows with each commit');
  const large = sizes.filter((size) => size >= 128 * KiB);
  t.ok(large.length > 50 && new Set(large).size <= 6, `${new Set(large).size} sizes of ${large.length}`);
});

t.test('a log that is not synced with each commit needs no room', async (t) => {
  const { sizes } = setup(t, { durability: 'os' });
  t.equal(new Set(sizes).size, sizes.length);
});

/** A log that was killed with room behind its last commit; `end`: where that commit ends. */
function killed(t: ConstructorParameters<typeof TestLog>[0]) {
  const { log, journal, wal } = setup(t, { commits: 20 });
  let before = 0;
  for (let size = statSync(wal).size; size !== before; size = statSync(wal).size) {
    before = size;
    log.append(journal.accepted({ payload }));
  }
  const whole = readFileSync(wal);
  const used = whole.findLastIndex((byte) => byte !== 0) + 1;
  const end = fileHeadBytes + Math.ceil((used - fileHeadBytes) / frameBytes) * frameBytes;
  const copy = log.copy(t);
  const leave = (bytes: Uint8Array) => writeFileSync(`${listSegments(`${copy}/partitions/0003`)[0]!.path}-wal`, bytes);
  return { journal, whole, end, copy, leave };
}

t.test('room is no part of the log: it is replayed to its last commit, with any length of room', async (t) => {
  const { journal, whole, end, copy, leave } = killed(t);
  t.ok(whole.length > end, 'there is room');
  for (const length of [end, end + 1, end + frameBytes, whole.length - 1, whole.length].filter(
    (length) => length <= whole.length,
  )) {
    leave(whole.subarray(0, length));
    const { records, failure } = readBack(copy);
    t.match({ count: records.length, failure }, { count: journal.records.length, failure: null }, `${length} of ${whole.length}`);
    t.ok(JSON.stringify(plain(records)) === JSON.stringify(plain(journal.records)));
  }
});

t.test('a commit of which the disk has zeros where its frames should be is missed', async (t) => {
  const { whole, end, copy, leave } = killed(t);
  leave(Buffer.concat([whole.subarray(0, end - 2 * frameBytes), Buffer.alloc(whole.length - end + 2 * frameBytes)]));
  t.match(readBack(copy).failure, /shorter than its mark/);
});

t.test('room goes with the file when the log is closed', async (t) => {
  const { log, wal } = setup(t);
  log.close();
  t.same(statSync(wal, { throwIfNoEntry: false }), undefined);
});
