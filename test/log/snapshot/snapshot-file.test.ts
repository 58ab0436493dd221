import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DamageError } from '../../../engine/log/damage.js';
import { listSnapshots, snapshotPath } from '../../../engine/log/segment/segment-files.js';
import { SnapshotReader, writeSnapshot } from '../../../engine/log/snapshot/snapshot-file.js';
import { partition, seq, tempDir } from '../log-fixture.js';

const header = (at: number) => ({ form: 77, partition, position: { seq: seq(at), chain: 0xfedcba98 }, finalsFrom: seq(3) });
const sections = [Buffer.from('one'), Buffer.alloc(300, 7), Buffer.from('three')];

function readAll(path: string): Buffer[] {
  const snapshot = new SnapshotReader(path);
  try {
    const read: Buffer[] = [];
    for (let section = snapshot.next(); section !== null; section = snapshot.next()) read.push(Buffer.from(section));
    return read;
  } finally {
    snapshot.close();
  }
}

t.test('sections come back as they were written, under their header', async (t) => {
  const dir = tempDir(t);
  writeSnapshot(dir, { header: header(52_077), sections });
  const [name] = listSnapshots(dir);
  t.equal(name!.seq, 52_077);
  t.same(readAll(name!.path), sections);
  const snapshot = new SnapshotReader(name!.path);
  t.same(snapshot.header, header(52_077));
  snapshot.close();
  t.same(readdirSync(dir), ['0000000000052077.snapshot']);
});

t.test('the newest and the one before it are kept', async (t) => {
  const dir = tempDir(t);
  for (const at of [10, 30, 20]) writeSnapshot(dir, { header: header(at), sections });
  t.same(
    listSnapshots(dir).map((name) => name.seq),
    [30, 20],
  );
});

t.test('one that cannot be written to its end leaves nothing behind', async (t) => {
  const dir = tempDir(t);
  const failing = (function* () {
    yield sections[0]!;
    throw new Error('the log is damaged');
  })();
  t.throws(() => writeSnapshot(dir, { header: header(5), sections: failing }), /damaged/);
  t.same(readdirSync(dir), []);
});

t.test('a bit flipped anywhere is noticed before anything is believed', async (t) => {
  const dir = tempDir(t);
  writeSnapshot(dir, { header: header(9), sections });
  const path = snapshotPath(dir, seq(9));
  const whole = readFileSync(path);
  const unnoticed: string[] = [];
  for (let at = 0; at < whole.length; at++) {
    for (const bit of at < 60 || at > whole.length - 40 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << bit;
      writeFileSync(path, flipped);
      try {
        new SnapshotReader(path).close();
        unnoticed.push(`byte ${at}, bit ${bit}`);
      } catch (error) {
        if (!(error instanceof DamageError)) throw error;
      }
    }
  }
  t.same(unnoticed, []);
});

t.test('cut off at any byte, or with something behind it, it is noticed', async (t) => {
  const dir = tempDir(t);
  writeSnapshot(dir, { header: header(9), sections });
  const path = snapshotPath(dir, seq(9));
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    try {
      new SnapshotReader(path).close();
      t.fail(`${length} bytes`);
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
    }
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.from([0])]));
  t.throws(() => new SnapshotReader(path), /its end is not what was written/);
});

t.test('what a crash leaves of one that was being written is not taken for a snapshot', async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, '0000000000000009.snapshot.new'), 'half');
  t.same(listSnapshots(dir), []);
  writeSnapshot(dir, { header: header(9), sections });
  t.notOk(existsSync(join(dir, '0000000000000009.snapshot.new')));
  t.same(readAll(snapshotPath(dir, seq(9))), sections);
});
