/** F38: somebody reads an old state of the log and does not stop. The -wal file grows, the operator is told, everything else goes on. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer, temporaryDir } from '../support/server.js';

const timeout = 90_000;
const KiB = 1024;
const walKiB = 1_024;
const payload = 'x'.repeat(20 * KiB);

t.setTimeout(timeout);

t.test('a reader that holds the log makes its -wal file grow, is told of, and stops nothing', { timeout }, async (t) => {
  const receiver = await startReceiver(t);
  const dir = join(temporaryDir(t), 'data');
  const server = await startServer(t, {
    dataDir: dir,
    script: new URL('./small-disk-server.js', import.meta.url),
    flags: ['--wal-kib', String(walKiB)],
  });
  await server.ready();
  const partition = join(dir, 'partitions', '0000');
  const wal = (): number => statSync(`${listSegments(partition).at(-1)!.path}-wal`).size;
  const told = (pattern: RegExp) =>
    server.logs().filter(({ msg, partition }) => partition === 0 && pattern.test(String(msg))).length;
  const ids: string[] = [];
  const load = async (isEnough: () => boolean): Promise<void> => {
    for (let n = 0; !isEnough(); n++) {
      const { status, body } = await server.client.schedule({
        destination: `${receiver.url}/${n}`,
        delay: n % 10 === 0 ? '0s' : '1h',
        payload,
      });
      if (status !== 201) throw new Error(`${status} ${body.code}`);
      ids.push(body.id);
    }
  };

  const reader = openDatabase(listSegments(partition)[0]!.path, { mode: 'read' });
  t.teardown(() => reader.close());
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM strip').get();
  await load(() => told(/does not stop/) > 0);
  const heldAt = wal();
  t.ok(heldAt > walKiB * KiB, `${heldAt} bytes`);
  await load(() => wal() > heldAt + 2 * walKiB * KiB);
  t.equal(told(/does not stop/), 1, 'once');

  reader.exec('COMMIT');
  await load(() => told(/folded in again/) > 0);
  const freeAt = wal();
  const before = ids.length;
  await load(() => ids.length > before + 400);
  t.ok(wal() <= Math.max(freeAt, 4 * walKiB * KiB), `it begins anew: ${wal()} bytes, ${freeAt} when it was let go`);
  for (const id of ids.slice(0, 50)) t.match(await server.client.event(id), { status: 200 });
  await until('what is due is delivered', () => receiver.arrivals.length >= Math.floor(ids.length / 10));
});
