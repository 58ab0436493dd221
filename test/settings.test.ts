import t from 'tap';
import { StartError } from '../engine/kernel/errors.js';
import {
  explain,
  list,
  oneOf,
  parseCommandLine,
  readSettings,
  refuseUnknownVariables,
  type Setting,
  text,
  webhookSecrets,
  wholeNumber,
  yesOrNo,
} from '../engine/settings.js';

const table = {
  place: { name: 'PLACE', form: text, fallback: 'here', meaning: 'where' } as Setting<string>,
  speed: { name: 'TOP_SPEED', form: wholeNumber({ min: 1, max: 9 }), fallback: 5, meaning: 'how fast' } as Setting<number>,
  mode: { name: 'MODE', form: oneOf(['calm', 'wild']), fallback: 'calm', meaning: 'how' } as Setting<'calm' | 'wild'>,
  loud: { name: 'LOUD', form: yesOrNo(['on', 'off']), fallback: false, meaning: 'noise' } as Setting<boolean>,
  names: { name: 'NAMES', form: list, fallback: [], fallbackText: 'none', meaning: 'who' } as Setting<readonly string[]>,
  secret: { name: 'SECRET', form: webhookSecrets, fallback: [], fallbackText: 'made', meaning: 'key' } as Setting<
    readonly string[]
  >,
};

function read(argv: readonly string[], env: Record<string, string> = {}) {
  return readSettings(table, { flags: parseCommandLine(table, { argv, plain: ['--help'] }).flags, env });
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'not refused';
}

t.test('a flag wins over the environment, the environment over the default', async (t) => {
  t.equal(read([]).speed, 5);
  t.equal(read([], { ESCAPEMENT_TOP_SPEED: '6' }).speed, 6);
  t.equal(read(['--top-speed', '7'], { ESCAPEMENT_TOP_SPEED: '6' }).speed, 7);
});

t.test('a flag takes its value after a space or an equals sign, and the last one counts', async (t) => {
  t.equal(read(['--place', 'there']).place, 'there');
  t.equal(read(['--place=a=b']).place, 'a=b');
  t.equal(read(['--place', 'a', '--place=b']).place, 'b');
});

t.test('a yes-or-no flag may stand alone and does not swallow what follows', async (t) => {
  t.equal(read(['--loud']).loud, true);
  t.equal(read(['--loud', 'off']).loud, false);
  t.equal(read(['--loud=off']).loud, false);
  const line = parseCommandLine(table, { argv: ['--loud', 'serve', '--place', 'x'], plain: [] });
  t.same(line.words, ['serve']);
  t.same(
    [...line.flags],
    [
      ['--loud', 'on'],
      ['--place', 'x'],
    ],
  );
});

t.test('what concerns a single call has a flag and no variable', async (t) => {
  const table = {
    now: { name: 'NOW', form: yesOrNo(['true', 'false']), fallback: false, meaning: 'at once', flagOnly: true },
  } as const;
  t.equal(readSettings(table, { flags: new Map([['--now', 'true']]), env: {} }).now, true);
  t.equal(readSettings(table, { flags: new Map(), env: { ESCAPEMENT_NOW: 'true' } }).now, false);
  t.match(
    refusal(() => refuseUnknownVariables(table, { ESCAPEMENT_NOW: 'true' })),
    /unknown variable ESCAPEMENT_NOW/,
  );
  t.notMatch(explain(table), /ESCAPEMENT/);
});

t.test('a variable that is set to nothing is not set', async (t) => {
  t.equal(read([], { ESCAPEMENT_TOP_SPEED: '' }).speed, 5);
});

t.test('a value of the wrong form is refused with what is expected and what was found', async (t) => {
  t.equal(
    refusal(() => read([], { ESCAPEMENT_TOP_SPEED: '10' })),
    'ESCAPEMENT_TOP_SPEED must be a whole number from 1 to 9, found "10"',
  );
  t.equal(
    refusal(() => read(['--top-speed', '1.5'])),
    '--top-speed must be a whole number from 1 to 9, found "1.5"',
  );
  t.equal(
    refusal(() => read(['--top-speed='])),
    '--top-speed must be a whole number from 1 to 9, found ""',
  );
  t.equal(
    refusal(() => read(['--mode', 'Wild'])),
    '--mode must be one of calm, wild, found "Wild"',
  );
  t.equal(
    refusal(() => read(['--loud=yes'])),
    '--loud must be on or off, found "yes"',
  );
});

t.test('a flag without its value is refused', async (t) => {
  t.match(
    refusal(() => read(['--place'])),
    /--place needs a value/,
  );
  t.match(
    refusal(() => read(['--place', '--loud'])),
    /--place needs a value/,
  );
});

t.test('an unknown flag is refused with the nearest one', async (t) => {
  t.equal(
    refusal(() => read(['--top-sped', '3'])),
    'unknown flag --top-sped; did you mean --top-speed?',
  );
  t.equal(
    refusal(() => read(['--colour', 'red'])),
    'unknown flag --colour; --help lists all',
  );
});

t.test('an unknown variable of ours is refused, others are none of our business', async (t) => {
  const refuse = (env: Record<string, string>) => refusal(() => refuseUnknownVariables(table, env));
  t.equal(refuse({ PATH: '/bin', ESCAPEMENT_PLACE: 'x', ESCAPEMENT_OTHER: '' }), 'not refused');
  t.equal(refuse({ ESCAPEMENT_PLAC: 'x' }), 'unknown variable ESCAPEMENT_PLAC; did you mean ESCAPEMENT_PLACE?');
});

t.test('lists are split at commas and trimmed', async (t) => {
  t.same(read(['--names', ' a, b,,c ']).names, ['a', 'b', 'c']);
});

t.test('webhook secrets are checked, and a wrong one is not repeated', async (t) => {
  const one = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  t.same(read(['--secret', `${one}, whsec_AAAA`]).secret, [one, 'whsec_AAAA']);
  for (const wrong of ['hunter2', 'whsec_', 'whsec_a', 'whsec_====', `${one},hunter2`, 'whsec_ab cd']) {
    const message = refusal(() => read(['--secret', wrong]));
    t.match(message, /must be one or several secrets/, wrong);
    t.notMatch(message, /hunter2/);
  }
});

t.test('the explanation names flag, variable, default and meaning of each setting', async (t) => {
  const shown = explain(table);
  t.match(shown, '--top-speed <n>  or ESCAPEMENT_TOP_SPEED; default: 5\n      how fast');
  t.match(shown, '--names <a,b>  or ESCAPEMENT_NAMES; default: none');
});
