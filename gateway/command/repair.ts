/** `escapement repair`: what it would do, and what it did, in words. */
import { relative } from 'node:path';
import { type Command, command, list, type RepairPlan, type Setting } from '../../engine/index.js';
import { exitCodes } from './exit-codes.js';
import { dataDirOf, dataDirSetting, print, tell, yesFlag } from './terminal.js';

const giveUp: Setting<readonly string[]> = {
  name: 'GIVE_UP',
  form: { ...list, placeholder: 'name,name' },
  fallback: [],
  fallbackText: 'nothing',
  meaning: 'events, sequences and marks that may be lost, named as the plan shows them',
  flagOnly: true,
};

export function repairCommand(): Command {
  return command({
    name: 'repair',
    summary: 'takes what is damaged out of a stopped data directory, into a folder beside it',
    parameters: [],
    settings: { ...dataDirSetting, apply: yesFlag('APPLY', 'does it; without it, it says what it would do'), giveUp },
    explanation: `Finished events that have lost a record are set aside. What is pending, or of which nobody can say what became of it, is given up only
when it is named with --give-up; the plan says how. The damaged files and a report stay in <data directory>/set-aside.
A backup made before the damage saves more: think of it first.
Exit codes: 0 nothing is damaged, or it is mended; 1 it could not be done, and nothing was changed; 2 there is damage, and --apply
was not given.`,
    async run({ values, surroundings }) {
      const { repairDataDir } = await import('../../engine/upkeep-tools.js');
      const dataDir = dataDirOf(values, surroundings);
      const { damaged, setAsideTo } = repairDataDir({
        dataDir,
        giveUp: values.giveUp,
        apply: values.apply,
        say: tell,
        plan: (plan) => printPlan(dataDir, plan),
      });
      if (damaged === 0) print('Nothing is damaged.');
      else if (setAsideTo === null) print('Nothing was changed. With --apply this is done.');
      else print(`Mended. What was taken out, and report.json, are in ${setAsideTo}`);
      return damaged === 0 || setAsideTo !== null ? exitCodes.done : exitCodes.damaged;
    },
  });
}

function printPlan(dataDir: string, { survey, setAside, lost, demands, impossible }: RepairPlan): void {
  print(`partition ${survey.partition}:`);
  for (const { file, kind, sequences, detail } of survey.faults) {
    const where =
      sequences === null
        ? ''
        : sequences.first === sequences.last
          ? `, sequence ${sequences.first}`
          : `, sequences ${sequences.first} to ${sequences.last}`;
    print(
      `  ${kind === 'records' ? 'lost' : kind === 'foreign' ? 'not understood' : 'made again'}: ${relative(dataDir, file)}${where}: ${detail}`,
    );
  }
  if (impossible !== null) print(`  cannot be repaired: ${impossible}`);
  for (const { event, status, givenUp } of setAside) {
    const sequences = lost.filter((record) => record.event === event).map(({ seq }) => seq);
    print(
      `  set aside: event ${event}, ${status ?? 'state not known'}, lost ${sequences.join(', ')}${givenUp ? ', given up' : ''}`,
    );
  }
  for (const { names, why } of demands) print(`  needs --give-up ${names.join(' or ')}: ${why}`);
}
