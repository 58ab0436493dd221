/**
 * F6: the disk fills up. New work is refused, what was accepted goes on, and when there is room again so does accepting.
 *
 * A file system in memory of some mebibytes, which only root may mount; elsewhere the tests are skipped, and those of the
 * log writer (`test/log/`) alone stand for it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { Server, temporaryDir } from '../support/server.js';

const MiB = 1024 * 1024;
/** A start on a full disk, a restart, and all of it read again: 20 s on an idle machine, several times that beside others. */
const timeout = 300_000;
const diskMiB = 64;
const fillerMiB = 28;
/** Free space is looked at once a second: what comes in one must not take all that the watermark keeps. */
const fillEveryMs = 10;
const payload = 'x'.repeat(60_000);

interface SmallDisk {
  readonly dir: string;
  /** Takes half of the disk until it is given back. */
  giveBack(): void;
}

function mount(dir: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'tmpfs', dir], { stdio: 'ignore' });
}

function unmount(dir: string): void {
  execFileSync('umount', ['-l', dir]);
}

/** Not for everybody but root, not without `mount`, not on other systems than Linux: trying tells. */
function canMount(): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-test-'));
  try {
    mount(dir);
    unmount(dir);
    return true;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return false;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function mountSmallDisk(t: Test): SmallDisk {
  const dir = temporaryDir(t);
  mount(dir);
  t.teardown(() => unmount(dir));
  const filler = join(dir, 'filler');
  writeFileSync(filler, Buffer.alloc(fillerMiB * MiB));
  return { dir, giveBack: () => rmSync(filler) };
}

async function setup(t: Test, freeMiBMin: number): Promise<{ disk: SmallDisk; server: Server; receiver: Receiver }> {
  const disk = mountSmallDisk(t);
  const dataDir = join(disk.dir, 'data');
  mkdirSync(dataDir);
  const receiver = await startReceiver(t);
  const server = await Server.start({
    dataDir,
    script: new URL('./small-disk-server.js', import.meta.url),
    flags: ['--free-mib-min', String(freeMiBMin)],
  });
  t.teardown(async () => {
    await server.client.close();
    await server.kill();
  });
  return { disk, server, receiver };
}

/** Posts large events, far ahead, until one is refused. */
async function fill(server: Server): Promise<{ accepted: string[]; refusedJob: string; status: number; code: string }> {
  const accepted: string[] = [];
  for (let n = 0; ; n++) {
    const { status, body } = await server.client.schedule(large(n));
    if (status !== 201) return { accepted, refusedJob: `job-${n}`, status, code: body.code };
    accepted.push(body.id);
    await pause(fillEveryMs);
    if (accepted.length * payload.length > diskMiB * MiB) throw new Error('a full disk takes everything');
  }
}

function large(n: number): Record<string, unknown> {
  return { external_job_id: `job-${n}`, destination: 'http://127.0.0.1:1/', scheduled_at: '2030-01-01T00:00:00Z', payload };
}

t.setTimeout(timeout);

const skip = canMount() ? false : 'no small file system can be mounted here';

for (const [title, freeMiBMin] of [
  ['below the watermark', 24],
  ['when a commit finds no room', 0],
] as const) {
  t.test(
    `${title} new work is refused, cancels and deliveries go on, and room brings everything back`,
    { skip, timeout },
    async (t) => {
      const { disk, server, receiver } = await setup(t, freeMiBMin);
      const due = await server.client.schedule({ destination: `${receiver.url}/due`, delay_ms: 4_000, payload: { kept: true } });
      const { accepted, refusedJob, status, code } = await fill(server);
      t.comment(`${accepted.length} events fitted`);
      t.ok(accepted.length > 20, 'it was not full from the start');
      t.equal(status, 507);
      t.equal(code, 'disk-full');
      const again = await until('refusing is steady', async () => {
        const answer = await server.client.schedule({ destination: receiver.url });
        return answer.status === 507 && answer;
      });
      t.ok(Number(again.headers['retry-after']) > 0, 'with Retry-After');
      const health = await server.client.get<{ status: string; components: { name: string; status: string; detail: string }[] }>(
        '/health',
      );
      t.match(
        health.body.components.find(({ name }) => name === 'disk'),
        { status: 'degraded', detail: /full/ },
      );
      const cancelled = await until('a cancel is taken', async () => {
        const answer = await server.client.cancel(accepted[0]!);
        return answer.status === 200 && answer;
      });
      t.equal(cancelled.body.status, 'CANCELLED');
      const dueDelivered = async (): Promise<void> => {
        const [arrival] = await receiver.until('/due', 1);
        t.equal(arrival!.id, due.body.id);
        await until('it is recorded', async () => (await server.client.event(due.body.id)).body.status === 'DELIVERED');
      };
      // Without a watermark the ballast may be used up at once, and then nothing is started until there is room.
      if (freeMiBMin > 0) await dueDelivered();

      disk.giveBack();
      const job = await until('accepting goes on by itself', async () => {
        const answer = await server.client.schedule(large(Number(refusedJob.slice('job-'.length))));
        return answer.status < 300 && answer;
      });
      t.equal(job.status, 201, 'what was refused had left nothing behind');

      if (freeMiBMin === 0) await dueDelivered();

      await server.kill();
      await server.restart();
      await server.ready();
      for (const id of [...accepted.slice(1), job.body.id]) {
        const { status: found, body } = await server.client.event(id);
        if (found !== 200 || body.status !== 'SCHEDULED' || body.payload !== payload) t.fail(`${id} is ${found} ${body.status}`);
      }
      t.equal((await server.client.event(cancelled.body.id)).body.status, 'CANCELLED');
    },
  );
}
