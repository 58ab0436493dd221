/**
 * The command line: which commands there are, what each takes, and its help.
 *
 *     escapement [command] [parameters] [flags]
 *
 * The command comes first; without one it is the first of the list. A command names the settings that it takes; any other flag
 * is refused, while variables of other commands are not, since all of them share one environment file.
 *
 * Reads no environment and writes nothing: what the process gave comes in as a value, what is to be done goes out as one.
 */
import { StartError } from './kernel/errors.js';
import {
  explain,
  parseCommandLine,
  readSettings,
  refuseUnknownVariables,
  type Sources,
  type Table,
  type ValuesOf,
} from './settings.js';

/** What of the process matters here. */
export interface Surroundings {
  /** Without program and script. */
  readonly argv: readonly string[];
  readonly env: Sources['env'];
  readonly cwd: string;
  readonly cores: number;
  readonly version: string;
}

/** A word behind the command. */
export interface Parameter {
  readonly name: string;
  readonly meaning: string;
  readonly optional?: true;
}

export interface CommandDefinition<Settings extends Table> {
  readonly name: string;
  /** Behind the name in the list of commands. */
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly settings: Settings;
  /** Below the usage in its own help: what it does, and its exit codes. */
  readonly explanation: string;
  run(call: {
    readonly words: readonly string[];
    readonly values: ValuesOf<Settings>;
    readonly surroundings: Surroundings;
  }): Promise<Outcome>;
}

/** An exit code; or the process goes on until something else ends it. */
export type Outcome = number | 'running';

/** A command whose values are its own business. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly settings: Table;
  readonly explanation: string;
  /** Throws StartError for words and flags that it does not take, before anything is touched. */
  prepare(
    line: { readonly words: readonly string[]; readonly sources: Sources },
    surroundings: Surroundings,
  ): () => Promise<Outcome>;
}

export function command<Settings extends Table>(definition: CommandDefinition<Settings>): Command {
  const { name, summary, parameters, settings, explanation } = definition;
  return {
    name,
    summary,
    parameters,
    settings,
    explanation,
    prepare({ words, sources }, surroundings) {
      checkWords({ name, parameters }, words);
      const values = readSettings(settings, sources);
      return () => definition.run({ words, values, surroundings });
    },
  };
}

/** What the command line asks for. */
export type Invocation =
  | { readonly do: 'run'; readonly run: () => Promise<Outcome> }
  /** `--help`, `--version`: to stdout, then exit code 0. */
  | { readonly do: 'print'; readonly text: string };

export interface CommandSet {
  /** The first is meant when there is none on the line. */
  readonly commands: readonly Command[];
  /** All settings with a variable, of whatever command. */
  readonly settings: Table;
}

/** Throws StartError for anything that cannot be understood. */
export function readInvocation(set: CommandSet, surroundings: Surroundings): Invocation {
  const { argv, env, version } = surroundings;
  const [first, ...behind] = argv;
  const isNamed = first !== undefined && !first.startsWith('-');
  const wanted = isNamed ? set.commands.find(({ name }) => name === first) : set.commands[0];
  const rest = isNamed ? behind : argv;
  if (rest.some((word) => word === '--help' || word === '-h')) {
    return { do: 'print', text: isNamed && wanted !== undefined ? helpOf(wanted) : helpOfAll(set) };
  }
  if (rest.includes('--version')) return { do: 'print', text: version };
  if (wanted === undefined) throw new StartError(unknownCommand(set, first!));
  const { words, flags } = parseCommandLine(wanted.settings, { argv: rest, plain: ['--help', '-h', '--version'] });
  if (!isNamed && words[0] !== undefined) {
    const [word] = words;
    throw new StartError(`"${word}" is no value of the flag before it; a command comes first: escapement ${word} ...`);
  }
  refuseUnknownVariables(set.settings, env);
  return { do: 'run', run: wanted.prepare({ words, sources: { flags, env } }, surroundings) };
}

function unknownCommand({ commands }: CommandSet, word: string): string {
  return `unknown command "${word}": there are ${commands.map(({ name }) => name).join(', ')}; --help explains them`;
}

function checkWords({ name, parameters }: Pick<Command, 'name' | 'parameters'>, words: readonly string[]): void {
  const missing = parameters[words.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new StartError(`"escapement ${name}" needs ${shown(missing)}, ${missing.meaning}; --help explains it`);
  }
  if (words.length > parameters.length) {
    throw new StartError(`"escapement ${name}" does not take "${words[parameters.length]!}"; --help explains it`);
  }
}

function helpOf({ name, summary, parameters, settings, explanation }: Command): string {
  const explained = parameters.map((parameter) => `  ${shown(parameter)}\n      ${parameter.meaning}`);
  return [
    `escapement ${name}: ${summary}`,
    `Usage: ${['escapement', name, ...parameters.map(shown), '[flags]'].join(' ')}`,
    explanation,
    [...explained, explain(settings)].join('\n'),
  ].join('\n\n');
}

function helpOfAll({ commands, settings }: CommandSet): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return `Escapement holds events until their moment and delivers each as a signed webhook.

Usage: escapement [command] [flags]

${commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join('\n')}

Without a command it is ${commands[0]!.name}; "escapement <command> --help" explains one.

${explain(settings)}

  --help, --version`;
}

function shown({ name, optional }: Parameter): string {
  return optional === true ? `[${name}]` : `<${name}>`;
}
