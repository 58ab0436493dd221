/**
 * Backups of a server under load: everything that was acknowledged before the backup began is there after a restore, also when
 * the server is killed in the middle; a backup or restore that is killed itself is refused.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pause, until, within } from '../support/deadline.js';
import { type Exit, Program } from '../support/process.js';
import { Server, temporaryDir } from '../support/server.js';

const timeout = 120_000;
const fileTimeout = 170_000;
const shipped = new URL('../../gateway/main.js', import.meta.url);
const script = new URL('./small-disk-server.js', import.meta.url);
/** Sealed several times a second under this load. */
const flags = ['--segment-kib', '128'];
const lanes = 2;
/** Each lane rests so long between its batches: the backup has to have something to run behind, not the machine to be full. */
const restMs = 15;
const readsAtOnce = 16;

t.setTimeout(fileTimeout);

function command(t: Test, args: readonly string[]): Program {
  const program = new Program({ script: shipped, args });
  t.teardown(() => program.kill());
  return program;
}

function ended(program: Program): Promise<Exit> {
  return within('the command ends', program.exited, 60_000);
}

async function start(t: Test, dataDir: string): Promise<Server> {
  const server = await Server.start({ dataDir, script, flags });
  t.teardown(async () => {
    await server.client.close();
    await server.kill();
  });
  return server;
}

/** Posts and cancels until it is stopped; what was acknowledged is told. */
class Load {
  readonly accepted: string[] = [];
  readonly cancelled: string[] = [];
  readonly #lanes: Promise<void>[];
  #goesOn = true;

  constructor(server: Server) {
    this.#lanes = Array.from({ length: lanes }, () => this.#lane(server));
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#lanes);
  }

  async #lane({ client }: Server): Promise<void> {
    for (let n = 0; this.#goesOn; n++) {
      await pause(restMs);
      try {
        const events = Array.from({ length: 10 }, () => ({
          destination: 'http://127.0.0.1:1/',
          delay: '1h',
          payload: 'x'.repeat(500),
        }));
        const { status, body } = await client.batch(events);
        if (status !== 200) continue;
        const ids = body.results.map(({ id }) => id!);
        this.accepted.push(...ids);
        if (n % 3 === 0 && (await client.cancel(ids[0]!)).status === 200) this.cancelled.push(ids[0]!);
      } catch {
        // The server was killed: what was not answered was promised to nobody.
        await pause(20);
      }
    }
  }
}

async function expectAll(
  t: Test,
  server: Server,
  load: { readonly accepted: readonly string[]; readonly cancelled: readonly string[] },
) {
  const cancelled = new Set(load.cancelled);
  const queue = [...load.accepted];
  const wrong: string[] = [];
  const lane = async (): Promise<void> => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const { status, body } = await server.client.event(id);
      if (status !== 200) wrong.push(`${id}: ${status}`);
      else if (cancelled.has(id) && body.status !== 'CANCELLED') wrong.push(`${id}: ${body.status} after its cancel`);
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, lane));
  t.same(wrong.slice(0, 5), [], `${load.accepted.length} events and ${load.cancelled.length} cancels are there`);
}

t.test('what was acknowledged before a backup began is there after its restore', { timeout }, async (t) => {
  const dataDir = join(temporaryDir(t), 'data');
  const server = await start(t, dataDir);
  await server.ready();
  const all = { accepted: [] as string[], cancelled: [] as string[] };
  for (const isKilled of [false, true]) {
    const load = new Load(server);
    await until('there is something to back up', () => load.accepted.length > 400, 30_000);
    const before = { accepted: [...all.accepted, ...load.accepted], cancelled: [...all.cancelled, ...load.cancelled] };
    const to = join(temporaryDir(t), 'backup');
    const backup = command(t, ['backup', to, '--data-dir', dataDir]);
    if (isKilled) {
      await until('the backup is under way', () => existsSync(to));
      await server.kill();
      await server.restart();
      await server.ready();
    }
    t.same(await ended(backup), { code: 0, signal: null }, backup.stderr.join('\n'));
    await load.stop();
    all.accepted.push(...load.accepted);
    all.cancelled.push(...load.cancelled);

    const restored = join(temporaryDir(t), 'data');
    const restore = command(t, ['restore', to, '--data-dir', restored]);
    t.same(await ended(restore), { code: 0, signal: null }, restore.stderr.join('\n'));
    t.same(await ended(command(t, ['verify', '--data-dir', restored])), { code: 0, signal: null });
    const copy = await start(t, restored);
    await copy.ready();
    await expectAll(t, copy, before);
    await copy.kill();
  }
  t.comment(`${all.accepted.length} accepted`);
});

t.test('a backup or restore that was killed is refused, and harms nobody', { timeout }, async (t) => {
  const dataDir = join(temporaryDir(t), 'data');
  const server = await start(t, dataDir);
  await server.ready();
  const load = new Load(server);
  await until('there is something to back up', () => load.accepted.length > 400, 30_000);
  const cut = join(temporaryDir(t), 'backup');
  const backup = command(t, ['backup', cut, '--data-dir', dataDir]);
  await until('the backup is under way', () => existsSync(join(cut, 'partitions')));
  await backup.kill();
  await load.stop();
  if (!existsSync(join(cut, 'backup.json'))) {
    const refused = command(t, ['restore', cut, '--data-dir', join(temporaryDir(t), 'data')]);
    t.same(await ended(refused), { code: 1, signal: null });
    t.match(refused.stderr, [/cut short/]);
  }

  const whole = join(temporaryDir(t), 'backup');
  t.same(await ended(command(t, ['backup', whole, '--data-dir', dataDir])), { code: 0, signal: null });
  const target = join(temporaryDir(t), 'data');
  const restore = command(t, ['restore', whole, '--data-dir', target]);
  // An empty directory is nobody's: whoever finds one begins with it.
  await until('the restore is under way', () => existsSync(target) && readdirSync(target).length > 0);
  await restore.kill();
  if (!existsSync(join(target, 'format.json'))) {
    const serve = command(t, ['--data-dir', target, '--port', '0', '--partitions', '2']);
    t.same(await ended(serve), { code: 1, signal: null });
    t.match(serve.stderr, [/cut short: remove the directory and restore again/]);
  }
  await expectAll(t, server, load);
});
