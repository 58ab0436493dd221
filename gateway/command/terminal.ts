/** What a command says: results to stdout, how far it is to stderr, so that a script gets the one without the other. */
import { resolve } from 'node:path';
import { settings, type Surroundings } from '../../engine/index.js';

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
