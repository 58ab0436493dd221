/** What a command says: results to stdout, how far it is to stderr, so that a script gets the one without the other. */
import { resolve } from 'node:path';
import { type Setting, settings, type Surroundings, yesOrNo } from '../../engine/index.js';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The one setting that every command about a data directory takes. */
export const dataDirSetting = { dataDir: settings.dataDir };

export function dataDirOf({ dataDir }: { readonly dataDir: string }, { cwd }: Surroundings): string {
  return resolve(cwd, dataDir);
}

export function count(number: number, word: string): string {
  return `${number.toLocaleString('en-US')} ${word}${number === 1 ? '' : 's'}`;
}

/** Something that is done only when it is asked for. */
export function yesFlag(name: string, meaning: string): Setting<boolean> {
  return { name, form: yesOrNo(['true', 'false']), fallback: false, meaning, flagOnly: true };
}
