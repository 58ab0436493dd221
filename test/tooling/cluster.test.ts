/** `npm run cluster`, as somebody starts it who wants to see a cluster. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until, within } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { Program } from '../support/process.js';
import { temporaryDir } from '../support/server.js';

const script = new URL('../../../.scripts/cluster.mjs', import.meta.url);
const engines = ['engine-1', 'engine-2'];
const gateways = ['gateway-1', 'gateway-2'];
/** As without options, and the least. */
const whole = [...engines, ...gateways];
const small = ['engine-1', 'gateway-1'];
const startMsMax = 90_000;

interface Cluster {
  readonly program: Program;
  readonly shown: ReadonlyMap<string, { readonly url: string; readonly pid: number }>;
  url(name: string): string;
}

/** Resolves when it has said where everything is. */
async function start(t: Test, dataDir: string, nodes: readonly string[]): Promise<Cluster> {
  const args = ['--data-dir', dataDir, ...(nodes === small ? ['--engines', '1', '--gateways', '1'] : [])];
  const program = new Program({ script, args, env: { ESCAPEMENT_PARTITIONS: '6' } });
  const shown = new Map<string, { url: string; pid: number }>();
  t.teardown(async () => {
    // They are no children of ours, so they would stay when this test is cut short.
    for (const { pid } of shown.values()) if (lives(pid)) process.kill(pid, 'SIGKILL');
    await program.kill();
  });
  for (const name of [...nodes, 'nats']) {
    const [, url, pid] = await program.line(new RegExp(`^ {2}${name} +(\\w+://\\S+) +process (\\d+)$`), startMsMax);
    shown.set(name, { url: url!, pid: Number(pid) });
  }
  return { program, shown, url: (name) => shown.get(name)!.url };
}

async function stop(t: Test, { program, shown }: Cluster): Promise<void> {
  program.signal('SIGINT');
  t.match(await within('all of them stop', program.exited, 60_000), { code: 0, signal: null });
  for (const [name, { pid }] of shown) t.notOk(lives(pid), `${name} has ended`);
}

const hasCurl = spawnSync('curl', ['--version']).status === 0;

t.test('a cluster starts with one command, shares its work, keeps events, and stops together', needsNats, async (t) => {
  const dataDir = join(temporaryDir(t), 'cluster');
  const first = await start(t, dataDir, small);
  t.same(readdirSync(dataDir).sort(), ['engine-1', 'logs', 'nats'], 'a gateway keeps nothing');
  t.same(
    readdirSync(join(dataDir, 'logs')).sort(),
    [...small, 'nats'].map((name) => `${name}.log`),
  );
  const id = await schedule(t, first.url('gateway-1'));
  await stop(t, first);

  const second = await start(t, dataDir, whole);
  const { nodes } = await view(second);
  t.same(nodes.map(({ id, partitions }) => [id, partitions.length]).sort(), [
    ['engine-1', 3],
    ['engine-2', 3],
    ['gateway-1', 0],
    ['gateway-2', 0],
  ]);
  const ids = [id, ...(await Promise.all(gateways.map((name) => schedule(t, second.url(name)))))];
  for (const id of ids) {
    t.match(await get(`${second.url('gateway-1')}/api/v1/events/${id}`), { id, status: 'SCHEDULED' });
  }
  const [pasted] = await second.program.line(/^ {2}curl -s -X POST .*$/);
  if (hasCurl) {
    const { id } = JSON.parse(run(t, pasted!)) as { id: string };
    const url = `${second.url('gateway-1')}/api/v1/events/${id}`;
    await until('what is shown to be pasted is delivered', async () => {
      const { status } = await get<{ status: string }>(url);
      return status === 'DELIVERED';
    });
  }
  const [kill] = await second.program.line(/^ {2}kill -9 \d+$/);
  run(t, kill!);
  await second.program.line(/^engine-1 {2}\| has ended \(SIGKILL\)$/);
  await until(
    'the other one has everything',
    async () => (await view(second)).partitions.every(({ owner }) => owner === 'engine-2'),
    40_000,
  );
  await stop(t, second);
});

t.test('what cannot start is named, with the end of its log, and nothing stays behind', needsNats, async (t) => {
  const dataDir = temporaryDir(t);
  const args = ['--data-dir', dataDir, '--engines', '1', '--gateways', '1'];
  const program = new Program({ script, args, env: { ESCAPEMENT_PARTITIONS: 'many' } });
  t.teardown(() => program.kill());
  t.match(await within('it ends', program.exited, startMsMax), { code: 1 });
  t.match(program.stderr.join('\n'), /^(engine|gateway)-\d has ended \(1\); its log is \S+\.log\n.*ESCAPEMENT_PARTITIONS/s);
  t.ok(existsSync(join(dataDir, 'logs/nats.log')));
});

/** Returns its id. */
async function schedule(t: Test, url: string): Promise<string> {
  const event = JSON.stringify({ delay: '1h', destination: 'https://example.org/hook' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/events`, { method: 'POST', headers, body: event });
  t.equal(answer.status, 201, url);
  return ((await answer.json()) as { id: string }).id;
}

interface View {
  readonly nodes: readonly { readonly id: string; readonly partitions: readonly number[] }[];
  readonly partitions: readonly { readonly owner: string | null }[];
}

function view(cluster: Cluster): Promise<View> {
  return get(`${cluster.url('gateway-1')}/api/v1/cluster`);
}

function run(t: Test, line: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
  t.equal(status, 0, `${line}\n${stderr}`);
  return stdout;
}

async function get<Body>(url: string): Promise<Body> {
  return (await (await fetch(url)).json()) as Body;
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: it is gone, which is what was asked.
  }
}
