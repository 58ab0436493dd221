import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { StartError } from '../../engine/kernel/errors.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { tempDir } from './log-fixture.js';

const noProc = existsSync('/proc/self') ? false : 'this system has no /proc';

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
  const opened = openDataDir({ dataDir, partitions: 4, cluster: null });
  t.same(JSON.parse(readFileSync(join(dataDir, 'format.json'), 'utf8')), { format: 2, partitions: 4, hash: 'fnv1a32' });
  t.match(opened.webhookSecret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  t.equal(statSync(join(dataDir, 'webhook-secret')).mode & 0o777, 0o600);
  t.match(opened.nodeId, /^[0-9a-f]{16}$/);
  opened.close();
  const again = openDataDir({ dataDir, partitions: 4, cluster: null });
  t.same([again.webhookSecret, again.nodeId], [opened.webhookSecret, opened.nodeId], 'and keeps it');
  again.close();
  again.close();
  t.end();
});

t.test('another number of partitions is refused, and nothing is touched (F37)', (t) => {
  const dataDir = tempDir(t);
  openDataDir({ dataDir, partitions: 4, cluster: null }).close();
  const before = picture(dataDir);
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 8, cluster: null })),
    /was made with 4 partitions, not 8: set ESCAPEMENT_PARTITIONS=4$/,
  );
  t.same(picture(dataDir), before);
  t.end();
});

t.test('a directory belongs to one cluster or to a node alone; any other is refused, and nothing is touched', (t) => {
  const [ours, alone] = [tempDir(t), tempDir(t)];
  const member = openDataDir({ dataDir: ours, partitions: 64, cluster: 'c1' });
  t.same(JSON.parse(readFileSync(join(ours, 'format.json'), 'utf8')), {
    format: 2,
    partitions: 64,
    hash: 'fnv1a32',
    cluster: 'c1',
  });
  t.match(member.nodeId, /^[0-9a-f]{16}$/);
  t.notOk(
    readdirSync(ours).some((name) => name === 'webhook-secret' || name === 'stream-id'),
    'those are the cluster’s',
  );
  member.close();
  const again = openDataDir({ dataDir: ours, partitions: 64, cluster: 'c1' });
  t.equal(again.nodeId, member.nodeId);
  again.close();
  openDataDir({ dataDir: alone, partitions: 64, cluster: null }).close();
  const before = [picture(ours), picture(alone)];
  t.match(
    refusalOf(() => openDataDir({ dataDir: ours, partitions: 64, cluster: 'c2' })),
    /is of cluster c1, and ESCAPEMENT_NATS_URL leads to cluster c2: give this node another one with ESCAPEMENT_DATA_DIR$/,
  );
  t.match(
    refusalOf(() => openDataDir({ dataDir: ours, partitions: 4, cluster: null })),
    /is of a node of cluster c1, .*: set ESCAPEMENT_CLUSTER=true, or give/,
  );
  t.match(
    refusalOf(() => openDataDir({ dataDir: alone, partitions: 64, cluster: 'c1' })),
    /is of a node alone, and its events are not in cluster c1: .* or run it without ESCAPEMENT_CLUSTER$/,
  );
  t.same([picture(ours), picture(alone)], before);
  t.end();
});

t.test('another format, or an unreadable one, is refused, and nothing is touched (F36)', (t) => {
  for (const [text, message] of [
    ['{"format":1,"partitions":4,"hash":"fnv1a32"}', /has format 1\/fnv1a32, this version reads 2\/fnv1a32/],
    ['{"format":2,"partitions":4,"hash":"other"}', /has format 2\/other/],
    ['{"for', /unreadable format.json/],
    ['null', /unreadable format.json/],
    ['{"format":2,"partitions":4,"hash":"fnv1a32","cluster":7}', /unreadable format.json/],
  ] as const) {
    const dataDir = tempDir(t);
    writeFileSync(join(dataDir, 'format.json'), text);
    t.match(
      refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
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
    refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
    /is not empty and not Escapement's \(it holds thesis.txt\)/,
  );
  t.same(readdirSync(dataDir), ['thesis.txt']);
  t.end();
});

t.test('a start that was cut short before there was a format can be repeated', (t) => {
  const dataDir = tempDir(t);
  for (const name of ['lock', 'lock.pid', 'format.json.new']) writeFileSync(join(dataDir, name), '');
  mkdirSync(join(dataDir, 'lost+found'));
  mkdirSync(join(dataDir, 'partitions', '0000'), { recursive: true });
  openDataDir({ dataDir, partitions: 4, cluster: null }).close();
  rmSync(join(dataDir, 'format.json'));
  writeFileSync(join(dataDir, 'partitions', '0000', 'mark'), '');
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
    /is not empty and not Escapement's/,
    'but not one that has lost it',
  );
  t.end();
});

t.test('a path that cannot be a directory is one clear line', (t) => {
  const file = join(tempDir(t), 'file');
  writeFileSync(file, '');
  t.match(
    refusalOf(() => openDataDir({ dataDir: join(file, 'data'), partitions: 4, cluster: null })),
    /data directory .* cannot be used: ENOTDIR/,
  );
  t.match(
    refusalOf(() => openDataDir({ dataDir: file, partitions: 4, cluster: null })),
    /data directory .* cannot be used: /,
  );
  t.end();
});

t.test('a file system that makes no folders is one clear line, not an endless search', { skip: noProc }, (t) => {
  for (const dataDir of ['/proc/escapement', '/proc/escapement/data', '/proc/self/data']) {
    t.match(
      refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
      /data directory .* cannot be used: ENOENT: .* mkdir '\/proc/,
    );
  }
  t.end();
});

t.test('what is kept in it and cannot be what was made is refused, not replaced and not used', (t) => {
  for (const name of ['webhook-secret', 'node-id', 'stream-id']) {
    for (const text of ['', '\u0000\u0001 damaged \u0002']) {
      const dataDir = tempDir(t);
      openDataDir({ dataDir, partitions: 4, cluster: null }).close();
      writeFileSync(join(dataDir, name), text);
      t.match(
        refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
        new RegExp(`has an unreadable ${name}: restore it from a backup`),
      );
      t.equal(readFileSync(join(dataDir, name), 'utf8'), text);
      rmSync(join(dataDir, name));
      openDataDir({ dataDir, partitions: 4, cluster: null }).close();
    }
  }
  t.end();
});

t.test('a partition whose folder is gone is not begun anew (I8)', (t) => {
  for (const lost of ['partitions', 'partitions/0002']) {
    const dataDir = tempDir(t);
    openDataDir({ dataDir, partitions: 4, cluster: null }).close();
    rmSync(join(dataDir, lost), { recursive: true });
    const before = picture(dataDir).filter(([name]) => name !== 'lock');
    t.match(
      refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
      new RegExp(`has lost partitions/000${lost === 'partitions' ? 0 : 2}: bring it back, or restore a backup$`),
    );
    t.same(
      picture(dataDir).filter(([name]) => name !== 'lock'),
      before,
    );
  }
  t.end();
});

t.test('a member of a cluster has the partitions that it has copied, so none is missed', (t) => {
  const dataDir = tempDir(t);
  for (let start = 0; start < 2; start += 1) openDataDir({ dataDir, partitions: 64, cluster: 'c1' }).close();
  t.notOk(readdirSync(dataDir).includes('partitions'));
  t.end();
});

t.test('two engines of one process cannot share it', (t) => {
  const dataDir = tempDir(t);
  const first = openDataDir({ dataDir, partitions: 4, cluster: null });
  const message = refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null }));
  t.match(message, new RegExp(`is in use by process ${process.pid}: stop it`));
  first.close();
  openDataDir({ dataDir, partitions: 4, cluster: null }).close();
  t.end();
});

t.test('a directory held by another process is refused until that process is killed', async (t) => {
  const dataDir = tempDir(t);
  const child = fork(fileURLToPath(new URL('hold-data-dir.js', import.meta.url)), [dataDir], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'message');
  const before = picture(dataDir);
  t.match(
    refusalOf(() => openDataDir({ dataDir, partitions: 4, cluster: null })),
    new RegExp(`is in use by process ${child.pid}: `),
  );
  t.same(picture(dataDir), before);
  child.kill('SIGKILL');
  await once(child, 'exit');
  openDataDir({ dataDir, partitions: 4, cluster: null }).close();
});

/** Names, sizes and times of all files. */
function picture(dir: string): [name: string, bytes: number, changedMs: number][] {
  return readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size, statSync(join(dir, name)).mtimeMs]);
}
