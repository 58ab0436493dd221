/** `escapement backup`: what `backupDataDir` did, in words. */
import { resolve } from 'node:path';
import { type Command, command, DamageError, inMebibytes } from '../../engine/index.js';
import { exitCodes } from './exit-codes.js';
import { count, dataDirOf, dataDirSetting, print, tell, yesFlag } from './terminal.js';

export function backupCommand(): Command {
  return command({
    name: 'backup',
    summary: 'copies a data directory, also while it is in use',
    parameters: [{ name: 'folder', meaning: 'where to: a new or empty one' }],
    settings: {
      ...dataDirSetting,
      link: yesFlag(
        'LINK',
        'sealed segments become second names of the same files: at once and for no space, but no second copy',
      ),
    },
    explanation: `Everything that was acknowledged before it began is in the copy, and the copy is verified. It reads the files and asks nobody, so
it has to run on the same machine and as the same user as Escapement, which may be running or not. The backup holds payloads and the
webhook secret: keep it as you keep those.
Exit codes: 0 done, 1 it could not begin, 2 what is copied is damaged (run "escapement verify").`,
    async run({ words, values, surroundings }) {
      const { backupDataDir } = await import('../../engine/upkeep-tools.js');
      const to = resolve(surroundings.cwd, words[0]!);
      try {
        const { bytes, positions, damaged } = backupDataDir({
          dataDir: dataDirOf(values, surroundings),
          to,
          link: values.link,
          say: tell,
        });
        print(
          `Backed up ${inMebibytes(bytes)} to ${to}: ${count(positions.length, 'partition')}, up to ${positions.join(', ')}.`,
        );
        if (damaged.length === 0) return exitCodes.done;
        for (const { partition, faults } of damaged) print(`partition ${partition}: DAMAGED, ${faults[0]!.detail}`);
        print('The backup is a true copy of something damaged: run "escapement verify" on the stopped data directory.');
        return exitCodes.damaged;
      } catch (error) {
        if (!(error instanceof DamageError)) throw error;
        tell(`escapement: no backup, the data directory is damaged: ${error.message}; run "escapement verify" on it`);
        return exitCodes.damaged;
      }
    },
  });
}
