import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pause, within } from '../support/deadline.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { temporaryDir } from '../support/server.js';

const script = new URL('../../gateway/main.js', import.meta.url);

/** The shipped program; killed with the test. */
function run(t: Test, { args, env = {} }: { args: readonly string[]; env?: Readonly<Record<string, string>> }): Program {
  const program = new Program({ script, args, env });
  t.teardown(() => program.kill());
  return program;
}

async function listening(program: Program): Promise<string> {
  const [, url] = await program.line(/^Escapement listening on (http:\/\/127\.0\.0\.1:\d+)$/);
  return url!;
}

/** It has to end by itself, with one line. */
async function refusal(program: Program): Promise<string> {
  const exit = await within('it is refused', program.exited);
  return exit.code === 1 && program.stderr.length === 1
    ? program.stderr[0]!
    : `not refused properly: ${JSON.stringify([exit, program.stderr])}`;
}

t.test(
  'it says in one line where it listens, logs in JSON, and ends with 0 on SIGTERM; a directory that is in use, or was made otherwise, is refused and left as it is',
  async (t) => {
    const dataDir = temporaryDir(t);
    const args = ['--port', '0', '--data-dir', dataDir];
    const program = run(t, { args: ['serve', ...args, '--partitions', '2'] });
    const url = await listening(program);
    const answer = await fetch(`${url}/health/live`);
    t.equal(answer.status, 200);
    await answer.body?.cancel();
    t.match(await refusal(run(t, { args: [...args, '--partitions', '2'] })), `in use by process ${program.pid}`);
    program.signal('SIGTERM');
    t.same(await within('it ends', program.exited), { code: 0, signal: null });
    const others = program.stdout.filter((line) => !line.startsWith('Escapement listening on '));
    t.equal(program.stdout.length - others.length, 1);
    for (const line of others) t.match(JSON.parse(line), { level: String, time: String, component: String });
    t.same(program.stderr, []);
    const before = readdirSync(dataDir);
    t.match(await refusal(run(t, { args: [...args, '--partitions', '3'] })), /was made with 2 partitions, not 3/);
    t.same(readdirSync(dataDir), before);
  },
);

t.test('what cannot start is refused with one line and touches nothing', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const taken = String((other.address() as AddressInfo).port);
  const dataDir = join(temporaryDir(t), 'data');
  const noCertificate = join(temporaryDir(t), 'certificate');
  writeFileSync(noCertificate, 'not one');
  const cases: readonly [args: readonly string[], line: RegExp][] = [
    [['--port', taken], /^escapement: port \d+ on 127\.0\.0\.1 is in use: .*ESCAPEMENT_PORT/],
    [['--port', '70000'], /^escapement: --port must be a whole number from 0 to 65535, found "70000"$/],
    [['--host', '0.0.0.0'], /ESCAPEMENT_INSECURE=true/],
    [['--prot', '1'], /did you mean --port\?/],
    [['--egress-allow', '10.0.0.0/99'], /10\.0\.0\.0\/99/],
    [['--tls-cert', noCertificate, '--tls-key', noCertificate], /^escapement: (?!a defect).*certificate/],
    [['gateway'], /"gateway" is no value of the flag before it; a command comes first: escapement gateway/],
  ];
  for (const [args, line] of cases) {
    t.match(await refusal(run(t, { args: ['--data-dir', dataDir, '--port', '0', ...args] })), line, args.join(' '));
    t.notOk(existsSync(dataDir), 'no data directory was made');
  }
  t.match(
    await refusal(run(t, { args: ['--data-dir', dataDir], env: { ESCAPEMENT_DURABILTY: 'os' } })),
    /ESCAPEMENT_DURABILITY\?/,
  );
});

t.test(
  'a signal that comes before it has started ends it at once, also where it is the first process and the system would do nothing',
  async (t) => {
    const args = ['engine', '--nats-url', 'nats://127.0.0.1:1', '--port', '0', '--data-dir', join(temporaryDir(t), 'data')];
    const program = run(t, { args });
    await program.line(/waiting for NATS to join the cluster/);
    program.signal('SIGTERM');
    t.same(await within('it ends', program.exited), { code: 0, signal: null });
    t.match(program.stdout.at(-1), /stopped before it had started/);
  },
);

t.test('one Ctrl-C that arrives twice lets an attempt finish, a second one does not', async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer('/slow', { delayMs: 700 });
  receiver.answer('/never', { hang: true });
  const dispatched = async (path: string): Promise<Program> => {
    const program = run(t, { args: ['--port', '0', '--data-dir', temporaryDir(t)] });
    const url = await listening(program);
    const body = JSON.stringify({ destination: receiver.url + path });
    const answer = await fetch(`${url}/api/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    t.equal(answer.status, 201);
    await answer.body?.cancel();
    await receiver.until(path, 1);
    return program;
  };

  const patient = await dispatched('/slow');
  patient.signal('SIGINT');
  await patient.line(/"msg":"stopping/);
  patient.signal('SIGINT');
  t.same(await within('it ends', patient.exited), { code: 0, signal: null });
  t.same(patient.stderr, []);
  t.equal(receiver.at('/slow')[0]!.status, 204, 'the attempt was answered before the end');

  const impatient = await dispatched('/never');
  impatient.signal('SIGINT');
  await impatient.line(/"msg":"stopping/);
  // What makes a second Ctrl-C a second one is the time between them.
  await pause(700);
  impatient.signal('SIGINT');
  t.same(await within('it ends at once', impatient.exited, 2_000), { code: 130, signal: null });
});

t.test('--help and --version go to stdout', async (t) => {
  const help = run(t, { args: ['--help'] });
  t.same(await help.exited, { code: 0, signal: null });
  t.match(help.stdout.join('\n'), /--data-dir .*ESCAPEMENT_DATA_DIR/);
  const version = run(t, { args: ['--version'] });
  t.same(await version.exited, { code: 0, signal: null });
  t.match(version.stdout, [/^\d+\.\d+\.\d+$/]);
});
