import t from 'tap';
import { readInvocation } from '../../engine/index.js';
import { settings } from '../../engine/config.js';
import { variableOf } from '../../engine/settings.js';
import { commandSet } from '../../gateway/commands.js';

function read(argv: readonly string[], env: Record<string, string> = {}) {
  return readInvocation(commandSet(), { argv, env, cwd: '/srv/escapement', cores: 4, version: '1.2.3' });
}

t.test('serve is the default, and others are unknown', async (t) => {
  t.equal(read([]).do, 'run');
  t.equal(read(['serve', '--port', '0']).do, 'run');
  t.throws(() => read(['stop']), /unknown command "stop"/);
  t.throws(() => read(['serve', 'now']), /does not take "now"/);
});

t.test('the halves are commands that need NATS and take no flags of the other half', async (t) => {
  for (const half of ['gateway', 'engine']) {
    t.equal(read([half, '--nats-url', 'nats://n1', '--port', '0']).do, 'run');
    const invocation = read([half]);
    if (invocation.do !== 'run') throw new Error('expected run');
    await t.rejects(invocation.run(), { message: new RegExp(`^"escapement ${half}" needs ESCAPEMENT_NATS_URL`) });
  }
  t.throws(() => read(['gateway', '--data-dir', 'x']), /unknown flag --data-dir/);
  t.throws(() => read(['gateway', '--durability', 'os']), /unknown flag --durability/);
  for (const half of ['gateway', 'engine']) t.throws(() => read([half, '--cluster', 'false']), /unknown flag --cluster/);
  t.equal(read(['gateway'], { ESCAPEMENT_DATA_DIR: 'x' }).do, 'run', 'all share one file of variables');
});

t.test('the help explains every setting, and every command by itself', async (t) => {
  const help = read(['--help']);
  if (help.do !== 'print') throw new Error('expected print');
  for (const setting of Object.values(settings)) t.match(help.text, variableOf(setting));
  for (const { name, summary } of commandSet().commands) {
    t.match(help.text, summary);
    const own = read([name, '--help']);
    t.match(own, { do: 'print', text: `Usage: escapement ${name}` });
    t.match(own, { do: 'print', text: 'Exit codes' });
  }
});
