/** `escapement verify`: what `verifyDataDir` finds, in words. */
import { relative } from 'node:path';
import {
  type Command,
  command,
  type Fault,
  formatEventId,
  isFinished,
  type LostRecord,
  type PartitionVerdict,
} from '../../engine/index.js';
import { exitCodes } from './exit-codes.js';
import { count, dataDirOf, dataDirSetting, print, tell } from './terminal.js';

export function verifyCommand(): Command {
  return command({
    name: 'verify',
    summary: 'reads all of a stopped data directory and says what is damaged',
    parameters: [],
    settings: dataDirSetting,
    explanation: `It checks every record against its checksum and the chain, every segment, mark and index, and changes nothing.
For each damage it says partition, file, sequence and, as far as that is known, whose event it is and what became of it.
Exit codes: 0 everything is whole, 1 it could not look (the directory is in use, say), 2 something is damaged, or written by
another version and cannot be read by this one.`,
    async run({ values, surroundings }) {
      const { verifyDataDir } = await import('../../engine/upkeep-tools.js');
      const dataDir = dataDirOf(values, surroundings);
      const faults: Fault[] = [];
      const isWhole = verifyDataDir({
        dataDir,
        say: tell,
        verdict: (verdict) => {
          faults.push(...verdict.faults);
          printVerdict(dataDir, verdict);
        },
      });
      print(isWhole ? 'Everything is whole.' : conclusionOf(faults));
      return isWhole ? exitCodes.done : exitCodes.damaged;
    },
  });
}

/** What another version wrote is no damage, but whether there is any is for that version to say. */
function conclusionOf(faults: readonly Fault[]): string {
  return faults.some(({ kind }) => kind === 'foreign')
    ? 'Another version of Escapement has written here. Use that version, also to verify and to repair: this one cannot read all of it.'
    : 'There is damage. "escapement repair" says what can be done about it.';
}

export function printVerdict(dataDir: string, { partition, segments, records, mark, faults, lost }: PartitionVerdict): void {
  const size = `${count(records, 'record')} in ${count(segments, 'segment')}, mark at ${mark?.seq ?? 'nowhere'}`;
  print(`partition ${partition}: ${judgementOf(faults)} (${size})`);
  for (const fault of faults) {
    print(`  ${relative(dataDir, fault.file)}${sequencesOf(fault)}: ${fault.detail}`);
    for (const record of lost ?? []) if (record.fault === fault) print(`    ${whose(record)}`);
  }
}

function judgementOf(faults: readonly Fault[]): string {
  if (faults.length === 0) return 'whole';
  return faults.every(({ kind }) => kind === 'foreign') ? 'OF ANOTHER VERSION' : 'DAMAGED';
}

function sequencesOf({ sequences, event, kind }: Fault): string {
  if (sequences === null) return '';
  const of = kind === 'sum' && event !== null ? ` of event ${formatEventId(event)}` : '';
  return sequences.first === sequences.last
    ? `, sequence ${sequences.first}${of}`
    : `, sequences ${sequences.first} to ${sequences.last}`;
}

function whose(record: LostRecord): string {
  const { seq, event, status } = record;
  if (event === null) return `sequence ${seq}: of an event that nobody can name any more`;
  if (status === null) return `sequence ${seq}: of event ${event}; it was its newest record, or all that is known of it`;
  return `sequence ${seq}: of event ${event}, which is ${isFinished(status) ? 'finished' : 'pending'} (${status})`;
}
