/** `escapement restore`: what `restoreBackup` did, in words. */
import { resolve } from 'node:path';
import { type Command, command } from '../../engine/index.js';
import { exitCodes } from './exit-codes.js';
import { dataDirOf, dataDirSetting, print, tell, yesFlag } from './terminal.js';

export function restoreCommand(): Command {
  return command({
    name: 'restore',
    summary: 'makes a data directory from a backup',
    parameters: [{ name: 'folder', meaning: 'the backup' }],
    settings: {
      ...dataDirSetting,
      evenIfDamaged: yesFlag('EVEN_IF_DAMAGED', 'restores what can be read of a damaged backup, for "escapement repair" to mend'),
    },
    explanation: `Into a new or empty data directory only. The backup is checked before anything is touched, and the result is verified.
The new directory has a name of its own. It does not know what happened after the backup: what was delivered since then is
delivered again, with the same ids. So stop the old one before the new one starts.
Exit codes: 0 done, 1 it could not begin, 2 the backup is damaged (nothing was restored unless that was asked for).`,
    async run({ words, values, surroundings }) {
      const { restoreBackup } = await import('../../engine/upkeep-tools.js');
      const from = resolve(surroundings.cwd, words[0]!);
      const dataDir = dataDirOf(values, surroundings);
      const { manifest, damagedFiles, damaged, isRestored } = restoreBackup({
        from,
        dataDir,
        evenIfDamaged: values.evenIfDamaged,
        say: tell,
      });
      for (const file of damagedFiles) print(`${file}: not what was backed up`);
      for (const { partition, faults } of damaged) print(`partition ${partition}: DAMAGED, ${faults[0]!.detail}`);
      if (isRestored) print(`Restored the backup of ${manifest.begunAt} to ${dataDir}.`);
      else print('The backup is damaged, and nothing was restored.');
      if (isRestored && manifest.copied !== undefined) {
        print(
          `It is of a node of cluster ${manifest.copied.cluster}, and a node that starts on it goes on from what the cluster knows now.`,
        );
      }
      return damagedFiles.length + damaged.length === 0 ? exitCodes.done : exitCodes.damaged;
    },
  });
}
