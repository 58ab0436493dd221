/** F2: what a crash leaves of a commit that was being written. */
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { markPath } from '../../engine/log/segment/mark.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { Journal, TestLog, partition, plain, readBack } from './log-fixture.js';

/** An open log with a few commits, and what its files were after each of them. */
function setup(t: ConstructorParameters<typeof TestLog>[0]) {
  const log = new TestLog(t);
  const journal = new Journal();
  const { path } = listSegments(log.dir)[0]!;
  const commits: { readonly count: number; readonly walBytes: number; readonly mark: Buffer }[] = [];
  for (let commit = 0; commit < 4; commit++) {
    log.append(journal.accepted());
    commits.push({
      count: journal.records.length,
      walBytes: readFileSync(`${path}-wal`).length,
      mark: readFileSync(markPath(log.dir)),
    });
  }
  const copy = log.copy(t);
  return { log, journal, commits, copy, whole: readFileSync(`${path}-wal`) };
}

/** Nothing but zeros around it, as most of a page: one of such cuts in sixteen stands for the rest. */
function isUnused(whole: Uint8Array, cut: number): boolean {
  return whole.subarray(Math.max(0, cut - 4), cut + 5).every((byte) => byte === 0);
}

for (const [kind, step] of [
  ['cut off', 1],
  ['torn, with bytes of another time behind the cut,', 11],
] as const) {
  t.test(`a -wal file ${kind} at any byte of the last two commits opens as a prefix of history, or is refused`, (t) => {
    const { journal, commits, copy, whole } = setup(t);
    const dir = `${copy}/partitions/0003`;
    const { path } = listSegments(dir)[0]!;
    const seen = new Set<number>();
    const cuts = Array.from({ length: whole.length - commits[1]!.walBytes }, (_, back) => whole.length - 1 - back);
    for (const cut of cuts.filter(
      (cut, place) => place % step === 0 && (place === 0 || !isUnused(whole, cut) || cut % 16 === 0),
    )) {
      truncateSync(`${path}-wal`, cut);
      // None of them is by chance what was there: a torn frame would be whole.
      if (step > 1)
        appendFileSync(
          `${path}-wal`,
          whole.subarray(cut).map((byte) => byte ^ 0xa5),
        );
      // As it was for the process that died: the newest commit that was whole is the newest that has a mark.
      const answered = commits.findLast(({ walBytes }) => walBytes <= cut)!;
      if (!seen.has(answered.count)) writeFileSync(markPath(dir), answered.mark);
      seen.add(answered.count);
      const found = readBack(copy);
      if (found.failure !== null) t.fail(`cut at ${cut}: ${found.failure}`);
      if (found.records.length !== answered.count)
        t.fail(`cut at ${cut}: ${found.records.length} records, answered ${answered.count}`);
      const expected = plain(journal.records.slice(0, found.records.length));
      if (JSON.stringify(plain(found.records)) !== JSON.stringify(expected)) t.fail(`cut at ${cut}: not a prefix`);
    }
    t.same([...seen], [3, 2]);
    t.end();
  });
}

t.test('a commit that was answered and is cut off is missed, wherever the cut is', (t) => {
  const wrong: string[] = [];
  const { commits, copy, whole } = setup(t);
  const { path } = listSegments(`${copy}/partitions/0003`)[0]!;
  for (let cut = whole.length - 1; cut >= commits[1]!.walBytes; cut -= 97) {
    truncateSync(`${path}-wal`, cut);
    if (!/shorter than its mark/.test(readBack(copy).failure ?? '')) wrong.push(`cut at ${cut}: the lost commit went unnoticed`);
  }
  t.same(wrong.slice(0, 3), []);
  t.end();
});

t.test('a log that was cut goes on where it ends', (t) => {
  const { journal, commits, copy } = setup(t);
  const dir = `${copy}/partitions/0003`;
  writeFileSync(markPath(dir), commits[2]!.mark);
  truncateSync(`${listSegments(dir)[0]!.path}-wal`, commits[3]!.walBytes - 1);
  const again = new TestLog(t, { dataDir: copy });
  const next = new Journal(commits[2]!.count + 1).accepted();
  t.match(again.append(next), [{ op: 'durable', seq: next.seq }]);
  t.same(plain(again.replay().records), plain([...journal.records.slice(0, commits[2]!.count), next]));
  t.end();
});

t.test('a refused log is left as it is', (t) => {
  const { copy, whole } = setup(t);
  const dir = `${copy}/partitions/0003`;
  const wal = `${listSegments(dir)[0]!.path}-wal`;
  truncateSync(wal, whole.length - 1);
  const again = new TestLog(t, { dataDir: copy });
  t.match(again.writerReplies, [
    { op: 'failed', partition, durable: 0, failure: 'io', detail: /ends at sequence 3, 4 was durable/ },
  ]);
  again.close();
  t.same(readFileSync(wal), whole.subarray(0, whole.length - 1));
  t.end();
});

t.test('a segment that was being made when the process died is made again', (t) => {
  const log = new TestLog(t);
  const copy = log.copy(t);
  const dir = `${copy}/partitions/0003`;
  const { path } = listSegments(dir)[0]!;
  const whole = readFileSync(path);
  rmSync(path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  for (const cut of [0, 1, 100, 4096, whole.length]) {
    writeFileSync(`${path}.new`, whole.subarray(0, cut));
    const again = new TestLog(t, { dataDir: copy });
    t.match(again.append(new Journal().accepted()), [{ op: 'durable', seq: 1 }]);
    again.close();
    rmSync(path);
    rmSync(markPath(dir));
  }
  t.end();
});
