/**
 * F7: a write or an fsync fails with EIO in the middle of load. The partition says what it does not know, is read again from disk, and
 * goes on in a new segment; a failed fsync is never tried again on the same file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until, within } from '../support/deadline.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { startServer, temporaryDir } from '../support/server.js';

const timeout = 90_000;
const lanes = 4;
const shipped = new URL('../../gateway/main.js', import.meta.url);

t.setTimeout(timeout);

function canCompile(): boolean {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    // No compiler, no shim.
    return false;
  }
}

const skip = canCompile() ? false : 'there is no gcc to build the failing disk with';

t.test('EIO from a write or an fsync loses nothing that was acknowledged', { skip, timeout }, async (t) => {
  const dir = temporaryDir(t);
  const shim = join(dir, 'failing-disk.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', shim, 'test/crash/failing-disk.c', '-ldl']);
  const order = join(dir, 'order');
  const dataDir = join(dir, 'data');
  const receiver = await startReceiver(t);
  const server = await startServer(t, {
    dataDir,
    flags: ['--partitions', '1'],
    env: { LD_PRELOAD: shim, FAILING_DISK: order },
  });
  await server.ready();

  const accepted: string[] = [];
  const refused = new Map<string, number>();
  const unknown: string[] = [];
  let goesOn = true;
  const load = Array.from({ length: lanes }, async () => {
    while (goesOn) {
      const { status, body } = await server.client.schedule({ destination: `${receiver.url}/hook`, delay_ms: 300 });
      if (status === 201) accepted.push(body.id);
      else {
        refused.set(body.code, (refused.get(body.code) ?? 0) + 1);
        if (body.code === 'outcome-unknown') unknown.push(body.event_id!);
      }
    }
  });
  const segments = (): number => readdirSync(join(dataDir, 'partitions', '0000')).filter((name) => name.endsWith('.log')).length;
  for (const [round, call] of ['fsync', 'pwrite', 'fsync', 'pwrite'].entries()) {
    const before = accepted.length;
    await until('the load goes on', () => accepted.length > before + 50);
    const known = segments();
    writeFileSync(`${order}.new`, `${call} .log-wal`);
    execFileSync('mv', [`${order}.new`, order]);
    await until(`${call} has failed (${round})`, () => existsSync(`${order}.done`));
    await until('a new segment has been begun', () => segments() > known);
    await server.ready();
    execFileSync('rm', [`${order}.done`]);
  }
  goesOn = false;
  await Promise.all(load);
  t.comment(`${accepted.length} accepted, refused: ${JSON.stringify(Object.fromEntries(refused))}`);
  t.same(
    [...refused.keys()].filter((code) => code !== 'outcome-unknown' && code !== 'partition-unavailable'),
    [],
    'what was not accepted was told so',
  );
  await receiver.untilAll(accepted);
  const uninvited = [...receiver.events].filter((id) => !accepted.includes(id) && !unknown.includes(id));
  t.same(uninvited, [], 'nothing else is');

  await server.kill();
  const verify = new Program({ script: shipped, args: ['verify', '--data-dir', dataDir] });
  t.teardown(() => verify.kill());
  t.same(await within('verify ends', verify.exited, 30_000), { code: 0, signal: null }, verify.stdout.join('\n'));
  await server.restart();
  await server.ready();
  for (const id of accepted) {
    const { status, body } = await server.client.event(id);
    if (status !== 200) t.fail(`${id}: ${status} ${body.code}`);
  }
});
