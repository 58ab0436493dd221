/**
 * How a setting is read, shown and explained: the mechanism behind the table in `config.ts`.
 *
 * A setting has one name, `DATA_DIR`; its variable is `ESCAPEMENT_DATA_DIR`, its flag `--data-dir`. Flags win over the
 * environment, the environment over the default. A variable that is set to nothing counts as not set, since compose files
 * and unit files pass on empty ones.
 *
 * Whatever cannot be understood is refused with one line: a typo that is ignored costs an operator an evening.
 *
 * Touches no process: arguments and environment come in as values.
 */
import { StartError } from './kernel/errors.js';
import { type NatsAddress, readNatsAddress } from './nats/nats-address.js';

/** A form of value. `read` answers undefined for a text that has not that form. */
export interface Form<Value> {
  /** Completes the sentence "X must be ...". */
  readonly expects: string;
  /** For the help text. */
  readonly placeholder: string;
  /** A refused value is not repeated in the message. */
  readonly secret?: boolean;
  /** The flag may stand alone, and means this text then. */
  readonly alone?: string;
  read(text: string): Value | undefined;
}

export interface Setting<Value> {
  readonly name: string;
  readonly form: Form<Value>;
  readonly fallback: Value;
  /** The default in words, where the value itself does not say it. */
  readonly fallbackText?: string;
  readonly meaning: string;
  /** It is about a single call of a command, so there is no variable for it. */
  readonly flagOnly?: true;
}

export type Table = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<Settings extends Table> = {
  readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never;
};

export const text: Form<string> = { expects: 'a text', placeholder: 'text', read: (given) => given };

/** Separated by commas; empty parts are dropped. */
export const list: Form<readonly string[]> = { expects: 'a list', placeholder: 'a,b', read: (given) => parts(given) };

/** It stands in tables, lines of the log and labels of metrics. */
export const nodeName: Form<string> = {
  expects: 'a name of at most 64 characters, of A-Z a-z 0-9 . _ -',
  placeholder: 'name',
  read: (given) => (/^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : undefined),
};

/** Standard Webhooks secrets: what the signature library takes. */
export const webhookSecrets: Form<readonly string[]> = {
  expects: 'one or several secrets of the form whsec_<base64>, separated by commas',
  placeholder: 'whsec_...',
  secret: true,
  read: (given) => {
    const secrets = parts(given);
    return secrets.length > 0 && secrets.every((secret) => whsec.test(secret)) ? secrets : undefined;
  },
};
const whsec = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;

/** A login may be in it. */
export const natsAddress: Form<NatsAddress> = {
  expects: 'one or several addresses of the form nats://[user:password@]host[:port], or tls://, separated by commas',
  placeholder: 'nats://host:4222',
  secret: true,
  read: readNatsAddress,
};

export function wholeNumber({ min, max }: { readonly min: number; readonly max: number }): Form<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    placeholder: 'n',
    read: (given) => {
      const value = /^\d{1,9}$/.test(given) ? Number(given) : -1;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Form<Choice> {
  return {
    expects: `one of ${choices.join(', ')}`,
    placeholder: choices.join('|'),
    read: (given) => choices.find((choice) => choice === given),
  };
}

/** `words`: the text that means yes and the one that means no. */
export function yesOrNo(words: readonly [yes: string, no: string]): Form<boolean> {
  return {
    expects: words.join(' or '),
    placeholder: words.join('|'),
    alone: words[0],
    read: (given) => (words.includes(given) ? given === words[0] : undefined),
  };
}

/** The command line: words in front, and what each flag was given. `--x=y`, `--x y`, and `--x` where the form allows it. */
export interface CommandLine {
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
}

/** `plain`: flags that take no value and belong to no setting, such as `--help`. Throws StartError. */
export function parseCommandLine(
  table: Table,
  { argv, plain }: { argv: readonly string[]; plain: readonly string[] },
): CommandLine {
  const forms = new Map(Object.values(table).map((setting) => [flagOf(setting), setting.form]));
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (let at = 0; at < argv.length; at++) {
    const [, flag, attached] = /^(--?[^=]+)(?:=(.*))?$/s.exec(argv[at]!) ?? [];
    if (flag === undefined) {
      words.push(argv[at]!);
      continue;
    }
    if (plain.includes(flag)) {
      if (attached !== undefined) throw new StartError(`${flag} takes no value`);
      flags.set(flag, '');
      continue;
    }
    const form = forms.get(flag);
    if (form === undefined) throw new StartError(`unknown flag ${flag}${didYouMean(flag, [...forms.keys(), ...plain])}`);
    const next = argv[at + 1];
    if (attached !== undefined) flags.set(flag, attached);
    else if (form.alone !== undefined && (next === undefined || form.read(next) === undefined)) flags.set(flag, form.alone);
    else if (next === undefined || next.startsWith('--')) throw new StartError(`${flag} needs a value: ${form.expects}`);
    else flags.set(flag, argv[++at]!);
  }
  return { words, flags };
}

export interface Sources {
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Flag, else variable, else default, each read by its form. Throws StartError. */
export function readSettings<Settings extends Table>(table: Settings, sources: Sources): ValuesOf<Settings> {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) values[key] = readSetting(setting, sources);
  return values as ValuesOf<Settings>;
}

function readSetting<Value>(setting: Setting<Value>, { flags, env }: Sources): Value {
  const flag = flags.get(flagOf(setting));
  const variable = setting.flagOnly === true ? undefined : env[variableOf(setting)];
  const given = flag ?? variable ?? '';
  if (given === '' && flag === undefined) return setting.fallback;
  const value = given === '' ? undefined : setting.form.read(given);
  if (value !== undefined) return value;
  const where = flag === undefined ? variableOf(setting) : flagOf(setting);
  const found = setting.form.secret === true ? '' : `, found "${given}"`;
  throw new StartError(`${where} must be ${setting.form.expects}${found}`);
}

/** Variables with our prefix that the table does not have. Throws StartError. */
export function refuseUnknownVariables(table: Table, env: Sources['env']): void {
  const known = Object.values(table)
    .filter(({ flagOnly }) => flagOnly !== true)
    .map(variableOf);
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || known.includes(variable) || value === undefined || value === '') continue;
    throw new StartError(`unknown variable ${variable}${didYouMean(variable, known)}`);
  }
}

const prefix = 'ESCAPEMENT_';

export function variableOf(setting: { readonly name: string }): string {
  return prefix + setting.name;
}

export function flagOf(setting: { readonly name: string }): string {
  return `--${setting.name.toLowerCase().replaceAll('_', '-')}`;
}

/** One paragraph for each setting. */
export function explain(table: Table): string {
  return Object.values(table)
    .map((setting) => {
      const fallback = setting.fallbackText ?? String(setting.fallback);
      const variable = setting.flagOnly === true ? '' : `  or ${variableOf(setting)}`;
      return `  ${flagOf(setting)} <${setting.form.placeholder}>${variable}; default: ${fallback}\n      ${setting.meaning}`;
    })
    .join('\n');
}

function parts(given: string): readonly string[] {
  return given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function didYouMean(given: string, known: readonly string[]): string {
  const near = known.map((name) => ({ name, edits: editsBetween(given, name) })).sort((a, b) => a.edits - b.edits)[0];
  return near !== undefined && near.edits <= 2 ? `; did you mean ${near.name}?` : '; --help lists all';
}

/** How many characters have to be inserted, removed or replaced to make one of the other (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
