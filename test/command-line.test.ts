import t from 'tap';
import { type CommandSet, command, readInvocation } from '../engine/command-line.js';
import { StartError } from '../engine/kernel/errors.js';
import { type Setting, text, wholeNumber } from '../engine/settings.js';

const place: Setting<string> = { name: 'PLACE', form: text, fallback: 'here', meaning: 'where' };
const speed: Setting<number> = { name: 'SPEED', form: wholeNumber({ min: 1, max: 9 }), fallback: 5, meaning: 'how fast' };
const twice: Setting<number> = { ...speed, name: 'TIMES', flagOnly: true };

function setup() {
  const ran: unknown[] = [];
  const set: CommandSet = {
    commands: [
      command({
        name: 'go',
        summary: 'goes',
        parameters: [],
        settings: { place, speed },
        explanation: 'It goes.',
        run: async ({ values }) => {
          ran.push(['go', values]);
          return 'running';
        },
      }),
      command({
        name: 'fetch',
        summary: 'fetches something',
        parameters: [
          { name: 'thing', meaning: 'what to fetch' },
          { name: 'other', meaning: 'what else', optional: true },
        ],
        settings: { place, twice },
        explanation: 'Exit codes: 0 and 7.',
        run: async ({ words, values }) => {
          ran.push(['fetch', words, values]);
          return 7;
        },
      }),
    ],
    settings: { place, speed },
  };
  const read = (argv: readonly string[], env: Record<string, string> = {}) =>
    readInvocation(set, { argv, env, cwd: '/', cores: 2, version: '1.2.3' });
  const run = (argv: readonly string[], env: Record<string, string> = {}) => {
    const invocation = read(argv, env);
    if (invocation.do !== 'run') throw new Error('expected a command');
    return invocation.run();
  };
  const print = (argv: readonly string[], env: Record<string, string> = {}): string => {
    const invocation = read(argv, env);
    if (invocation.do !== 'print') throw new Error('expected a text');
    return invocation.text;
  };
  return { ran, read, run, print };
}

t.test('without a command the first one runs, with flags before environment', async (t) => {
  const { ran, run } = setup();
  t.equal(await run([]), 'running');
  await run(['--speed', '2'], { ESCAPEMENT_SPEED: '3', ESCAPEMENT_PLACE: 'there' });
  t.same(ran, [
    ['go', { place: 'here', speed: 5 }],
    ['go', { place: 'there', speed: 2 }],
  ]);
});

t.test('a command gets its words and its own settings', async (t) => {
  const { ran, run } = setup();
  t.equal(await run(['fetch', 'stick', '--times=2', 'ball'], { ESCAPEMENT_SPEED: 'of light' }), 7);
  t.same(ran, [['fetch', ['stick', 'ball'], { place: 'here', twice: 2 }]]);
});

t.test('what a command does not take is refused before it runs', async (t) => {
  const { ran, read } = setup();
  const refusals: readonly [argv: readonly string[], message: RegExp][] = [
    [['fetch'], /^"escapement fetch" needs <thing>, what to fetch/],
    [['fetch', 'a', 'b', 'c'], /does not take "c"/],
    [['fetch', 'a', '--speed', '1'], /unknown flag --speed/],
    [['go', 'now'], /"escapement go" does not take "now"/],
    [['--place', 'x', 'fetch', 'a'], /"fetch" is no value of the flag before it; a command comes first: escapement fetch/],
    [['stop'], /unknown command "stop": there are go, fetch/],
    [['--speed', 'x'], /--speed must be/],
    [['--help=fetch'], /^--help takes no value$/],
    [['--version=2'], /^--version takes no value$/],
  ];
  for (const [argv, message] of refusals) {
    t.throws(() => read(argv), StartError);
    t.throws(() => read(argv), { message }, argv.join(' '));
  }
  t.throws(() => read(['fetch', 'a'], { ESCAPEMENT_PLAC: 'x' }), /did you mean ESCAPEMENT_PLACE/);
  t.same(ran, []);
});

t.test('--help and --version print, whatever else is wrong', async (t) => {
  const { print } = setup();
  t.equal(print(['--version'], { ESCAPEMENT_SPEED: 'x' }), '1.2.3');
  for (const argv of [['--help'], ['-h'], ['--wrong', '--help'], ['fly', '--help']]) {
    const help = print(argv);
    for (const part of ['go', 'fetch', 'fetches something', '--place', 'ESCAPEMENT_SPEED']) t.match(help, part);
  }
  const own = print(['fetch', '--wrong', '--help']);
  for (const part of ['fetch <thing> [other] [flags]', 'what else', 'Exit codes: 0 and 7.', '--times']) t.match(own, part);
  t.notMatch(own, 'ESCAPEMENT_SPEED');
});
