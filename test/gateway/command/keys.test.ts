/** The shipped program, and a server that uses what it makes. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readInvocation } from '../../../engine/index.js';
import { commandSet } from '../../../gateway/commands.js';
import { until, within } from '../../support/deadline.js';
import { Program } from '../../support/process.js';
import { startServer, temporaryDir } from '../../support/server.js';

const script = new URL('../../../gateway/main.js', import.meta.url);

async function keys(t: Test, file: string, ...args: readonly string[]) {
  const program = new Program({ script, args: ['keys', ...args], env: { ESCAPEMENT_API_KEYS: file } });
  t.teardown(() => program.kill());
  const { code } = await within('the command ends', program.exited);
  return { code, stdout: program.stdout, stderr: program.stderr.join('\n') };
}

t.test('a key is made, shown once, listed without its secret, and revoked', async (t) => {
  const file = join(temporaryDir(t), 'keys.json');
  const made = await keys(t, file, 'create', 'orders', '--scopes', 'write,read', '--rate-limit', '600/m');
  t.equal(made.code, 0);
  t.match(made.stdout, [/^esc_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/]);
  t.equal(made.stdout.length, 1);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await keys(t, file, 'create', 'orders', '--scopes', 'read'), { code: 1, stderr: /named orders already/ });
  const listed = await keys(t, file, 'list');
  t.match(listed, {
    code: 0,
    stdout: [/^ID +NAME +SCOPES +RATE LIMIT +CREATED$/, /^[0-9a-f]{16} {2}orders {2}read,write {2}600\/60s/],
  });
  t.notMatch(listed.stdout.join(), made.stdout[0]!.slice(21));
  t.match(await keys(t, file, 'revoke', 'nobody'), { code: 3, stderr: /no key nobody/ });
  t.match(await keys(t, file, 'revoke', made.stdout[0]!.slice(4, 20)), { code: 0, stderr: /orders .* revoked/ });
  t.equal((await keys(t, file, 'list')).stdout.length, 1);
});

t.test('what cannot be done is refused, and no file is made', async (t) => {
  const file = join(temporaryDir(t), 'keys.json');
  const cases: readonly (readonly [args: readonly string[], line: RegExp])[] = [
    [['create', '--scopes', 'read'], /needs a name/],
    [['create', 'a b', '--scopes', 'read'], /needs a name/],
    [['create', 'a'], /--scopes/],
    [['create', 'a', '--scopes', 'root'], /--scopes must be/],
    [['create', 'a', '--scopes', 'read', '--rate-limit', 'fast'], /--rate-limit must be/],
    [['create', 'a', '--scopes', 'read', '--rate-limit', '0/s'], /--rate-limit must be/],
    [['list'], /escapement keys create/],
    [['revoke', 'a'], /escapement keys create/],
    [['destroy'], /create, list, revoke/],
  ];
  const refusal = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> => {
    const surroundings = { argv: ['keys', ...args], env, cwd: '/nowhere', cores: 2, version: '1.2.3' };
    const invocation = readInvocation(commandSet(), surroundings);
    if (invocation.do === 'run') await invocation.run();
  };
  for (const [args, message] of cases) {
    await t.rejects(refusal(args, { ESCAPEMENT_API_KEYS: file }), { name: 'StartError', message }, args.join(' '));
  }
  await t.rejects(refusal(['list'], {}), { name: 'StartError', message: /ESCAPEMENT_API_KEYS/ });
  t.notOk(existsSync(file));
});

t.test('a server beyond loopback takes keys, and a revoked one stops working while it runs', async (t) => {
  const file = join(temporaryDir(t), 'keys.json');
  const [token] = (await keys(t, file, 'create', 'reader', '--scopes', 'read')).stdout;
  const server = await startServer(t, { env: { ESCAPEMENT_API_KEYS: file, ESCAPEMENT_HOST: '0.0.0.0' } });
  const ask = async (key: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers: { authorization: `Bearer ${key}` } })).status;
  t.equal(await ask(token!), 200);
  const [later] = (await keys(t, file, 'create', 'later', '--scopes', 'read')).stdout;
  await until('a new key works', async () => (await ask(later!)) === 200);
  await keys(t, file, 'revoke', 'reader');
  await until('the revoked key is refused', async () => (await ask(token!)) === 401);
  t.equal(await ask(later!), 200);
  t.notMatch(JSON.stringify(server.logs()), token!.slice(21));
});
