import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { StartError } from '../../engine/kernel/errors.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { tempDir } from './log-fixture.js';

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'none';
}

t.test('a new directory is made with what identifies it', (t) => {
  const dataDir = join(tempDir(t), 'deep', 'data');
  const opened = openDataDir({ dataDir, partitions: 4 });
  t.same(JSON.parse(readFileSync(join(dataDir, 'format.json'), 'utf8')), { format: 1, partitions: 4, hash: 'fnv1a32' });
  t.match(opened.webhookSecret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  t.equal(statSync(join(dataDir, 'webhook-secret')).mode & 0o777, 0o600);
  t.match(opened.nodeId, /^[0-9a-f]{16}$/);
  opened.close();
  const again = openDataDir({ dataDir, partitions: 4 });
  t.same([again.webhookSecret, again.nodeId], [opened.webhookSecret, opened.nodeId], 'and keeps it');
  again.close();
  again.close();
  t.end();
});

t.test('another number of partitions is refused, and nothing is touched (F37)', (t) => {
  const dataDir = tempDir(t);
  openDataDir({ dataDir, partitions: 4 }).close();
  const before = picture(dataDir);
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 8 })),
    /was made with 4 partitions, not 8: set ESCAPEMENT_PARTITIONS=4$/,
  );
  t.same(picture(dataDir), before);
  t.end();
});

t.test('another format, or an unreadable one, is refused, and nothing is touched (F36)', (t) => {
  for (const [text, message] of [
    ['{"format":2,"partitions":4,"hash":"fnv1a32"}', /has format 2\/fnv1a32, this version reads 1\/fnv1a32/],
    ['{"format":1,"partitions":4,"hash":"other"}', /has format 1\/other/],
    ['{"for', /unreadable format.json/],
    ['null', /unreadable format.json/],
  ] as const) {
    const dataDir = tempDir(t);
    writeFileSync(join(dataDir, 'format.json'), text);
    t.match(
      refusalOf(() => openDataDir({ dataDir, partitions: 4 })),
      message,
    );
    t.same(readdirSync(dataDir), ['format.json']);
  }
  t.end();
});

t.test("somebody else's directory is refused, and nothing is touched", (t) => {
  const dataDir = tempDir(t);
  writeFileSync(join(dataDir, 'thesis.txt'), 'years of work');
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 4 })),
    /is not empty and not Escapement's \(it holds thesis.txt\)/,
  );
  t.same(readdirSync(dataDir), ['thesis.txt']);
  t.end();
});

t.test('a start that was cut short before there was a format can be repeated', (t) => {
  const dataDir = tempDir(t);
  for (const name of ['lock', 'lock.pid', 'format.json.new']) writeFileSync(join(dataDir, name), '');
  mkdirSync(join(dataDir, 'lost+found'));
  openDataDir({ dataDir, partitions: 4 }).close();
  t.end();
});

t.test('a path that cannot be a directory is one clear line', (t) => {
  const file = join(tempDir(t), 'file');
  writeFileSync(file, '');
  t.match(
    refusalOf(() => openDataDir({ dataDir: join(file, 'data'), partitions: 4 })),
    /data directory .* cannot be used: ENOTDIR/,
  );
  t.match(
    refusalOf(() => openDataDir({ dataDir: file, partitions: 4 })),
    /data directory .* cannot be used: /,
  );
  t.end();
});

t.test('two engines of one process cannot share it', (t) => {
  const dataDir = tempDir(t);
  const first = openDataDir({ dataDir, partitions: 4 });
  const message = refusalOf(() => openDataDir({ dataDir, partitions: 4 }));
  t.match(message, new RegExp(`is in use by process ${process.pid}: stop it`));
  first.close();
  openDataDir({ dataDir, partitions: 4 }).close();
  t.end();
});

t.test('a directory held by another process is refused until that process is killed', async (t) => {
  const dataDir = tempDir(t);
  const child = fork(fileURLToPath(new URL('hold-data-dir.js', import.meta.url)), [dataDir], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'message');
  const before = picture(dataDir);
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 4 })),
    new RegExp(`is in use by process ${child.pid}: `),
  );
  t.same(picture(dataDir), before);
  child.kill('SIGKILL');
  await once(child, 'exit');
  openDataDir({ dataDir, partitions: 4 }).close();
});

/** Names, sizes and times of all files. */
function picture(dir: string): unknown {
  return readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size, statSync(join(dir, name)).mtimeMs]);
}
