import t from 'tap';
import { readInvocation } from '../../engine/index.js';
import { settings } from '../../engine/config.js';
import { variableOf } from '../../engine/settings.js';
import { commandSet } from '../../gateway/commands.js';

function read(argv: readonly string[], env: Record<string, string> = {}) {
  return readInvocation(commandSet(), { argv, env, cwd: '/srv/escapement', cores: 4, version: '1.2.3' });
}

t.test('serve is the default, the halves need NATS, others are unknown', async (t) => {
  t.equal(read([]).do, 'run');
  t.equal(read(['serve', '--port', '0']).do, 'run');
  t.throws(() => read(['gateway']), /needs NATS/);
  t.throws(() => read(['engine', '--port', '1']), /needs NATS/);
  t.throws(() => read(['stop']), /unknown command "stop"/);
  t.throws(() => read(['serve', 'now']), /does not take "now"/);
});

t.test('settings of a later version are refused rather than ignored', async (t) => {
  t.throws(() => read([], { ESCAPEMENT_CLUSTER: 'true' }), /does not support it yet/);
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
