/**
 * `escapement repair`: makes a damaged log whole again, at the price of what is lost in it, and says so.
 *
 * Nothing is thrown away. The partition's folder as it was goes to `set-aside/<time>/`, beside a report that names every event that
 * left the log; in its place comes a log without them (`mended-log.ts`), which has been looked through like `verify` does.
 *
 *     <data>/set-aside/2026-11-21T15-04-05-678Z/report.json
 *     <data>/set-aside/2026-11-21T15-04-05-678Z/0003/...          the folder as it was
 *
 * The exchange of the two folders takes two steps. `repair-unfinished` stands in the data directory between them, so that
 * a start does not take a partition that is away for one that has yet to begin; the next repair takes the second step.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type LogRecord, recordKinds } from '../event/record.js';
import { decodeSpec } from '../event/spec-codec.js';
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import { SystemClock } from '../kernel/clock.js';
import { InvariantError, invariant, StartError } from '../kernel/errors.js';
import { formatEventId } from '../kernel/event-id.js';
import { version } from '../kernel/version.js';
import { openStoppedDir, repairUnfinished, writeWhole } from '../log/data-dir.js';
import { makeDir, partitionDir, syncDir } from '../log/segment/segment-files.js';
import { writeMendedLog } from './mended-log.js';
import { segmentBytesOf, surveyPartition } from './partition-survey.js';
import { Progress, type Say } from './progress.js';
import { planRepair, type RepairPlan } from './repair-plan.js';
import { surveyAmong } from './verify.js';

export interface RepairRequest {
  readonly dataDir: string;
  /** Events, places and marks that are given up, by name. */
  readonly giveUp: readonly string[];
  /** False: only say what would be done. */
  readonly apply: boolean;
  readonly say: Say;
  /** Told of each damaged partition, before anything is done. */
  readonly plan: (plan: RepairPlan) => void;
}

export interface RepairResult {
  /** Partitions with damage. */
  readonly damaged: number;
  /** Where the report and what was set aside are; null when nothing was changed. */
  readonly setAsideTo: string | null;
}

/** Throws StartError, and has changed nothing, when there is something that it must be told first. */
export function repairDataDir({ dataDir, giveUp, apply, say, plan }: RepairRequest): RepairResult {
  const dir = openStoppedDir(dataDir);
  try {
    if (dir.cluster !== null) throw fetchedInstead(dataDir, dir.cluster);
    finishExchange(dataDir);
    const partitions = Array.from({ length: dir.partitions }, (_, partition) => partition as PartitionId);
    const totalBytes = partitions.reduce((sum, partition) => sum + segmentBytesOf(dataDir, partition), 0);
    const progress = new Progress({ what: 'looked through', totalBytes, say, clock: new SystemClock() });
    const plans: RepairPlan[] = [];
    for (const partition of partitions) {
      const survey = surveyAmong({ dataDir, partition, partitions, progress });
      const made = planRepair({ dataDir, survey, giveUp: new Set(giveUp) });
      if (made === null) continue;
      plans.push(made);
      plan(made);
    }
    refuseStrangeNames(giveUp, plans);
    if (!apply || plans.length === 0) return { damaged: plans.length, setAsideTo: null };
    refuseDemands(plans);
    const now = new Date();
    const setAsideTo = join(dataDir, 'set-aside', now.toISOString().replaceAll(/[:.]/g, '-'));
    makeDir(setAsideTo);
    const mended = plans.map((each) => new PartitionRepair({ dataDir, setAsideTo, plan: each, say }).write());
    const report = { at: now.toISOString(), version, given_up: giveUp, partitions: mended };
    writeWhole(join(setAsideTo, 'report.json'), { text: `${JSON.stringify(report, null, 1)}\n`, mode: 0o600 });
    for (const { survey } of plans) exchange({ dataDir, setAsideTo, partition: survey.partition });
    return { damaged: plans.length, setAsideTo };
  } finally {
    dir.close();
  }
}

/** A copy that was mended would not be what the journal says, and the node would set it aside. */
function fetchedInstead(dataDir: string, cluster: string): StartError {
  return new StartError(
    `data directory ${dataDir} holds copies of what cluster ${cluster} keeps, which are not repaired but fetched again: remove the folders in ${join(dataDir, 'partitions')} of the partitions that "escapement verify" calls damaged, and start the node`,
  );
}

/** A name that fits nothing may be a slip of the pen, and the next one it fits would be the wrong one. */
function refuseStrangeNames(giveUp: readonly string[], plans: readonly RepairPlan[]): void {
  const heeded = new Set(plans.flatMap((plan) => plan.heeded));
  const strange = giveUp.find((name) => !heeded.has(name));
  if (strange !== undefined) {
    throw new StartError(
      `--give-up ${strange}: nothing of that name has to be given up; names are written as the plan shows them`,
    );
  }
}

function refuseDemands(plans: readonly RepairPlan[]): void {
  const impossible = plans.find((plan) => plan.impossible !== null);
  if (impossible !== undefined) throw new StartError(`partition ${impossible.survey.partition}: ${impossible.impossible}`);
  const names = plans.flatMap(({ demands }) => demands.map((demand) => demand.names[0]!));
  if (names.length > 0) {
    throw new StartError(
      `something would be lost that has to be given up by name; nothing was changed. --give-up ${names.join(',')}`,
    );
  }
}

interface PartitionRepairParts {
  readonly dataDir: string;
  readonly setAsideTo: string;
  readonly plan: RepairPlan;
  readonly say: Say;
}

class PartitionRepair {
  readonly #parts: PartitionRepairParts;

  constructor(parts: PartitionRepairParts) {
    this.#parts = parts;
  }

  /** Writes the new folder, looks through it, and returns what the report says. */
  write(): unknown {
    const { dataDir, setAsideTo, plan, say } = this.#parts;
    const { survey, lost, setAside } = plan;
    const { partition } = survey;
    const removed = this.#recordsOf(new Set(setAside.map(({ event }) => event)));
    const voids = new Set<number>([...lost.map(({ seq }) => seq), ...removed.map(({ seq }) => seq)]);
    const changed = [
      ...voids,
      ...survey.faults.flatMap(({ sequences, kind, file }) => (kind === 'sum' ? [sequences?.first ?? firstOf(file)] : [])),
    ];
    say(`partition ${partition}: writing its log again`);
    writeMendedLog({
      partition,
      from: partitionDir(dataDir, partition),
      to: newDir(setAsideTo, partition),
      voids,
      firstChanged: changed.reduce((least, seq) => Math.min(least, seq), Number.MAX_SAFE_INTEGER),
      without: new Set(survey.faults.filter(({ kind }) => kind === 'remade').map(({ file }) => file)),
      last: Math.max(survey.end.seq, survey.mark?.seq ?? 0) as Sequence,
      now: Date.now() as WallMs,
    });
    this.#expectWhole();
    return {
      partition,
      empty_sequences: [...voids].sort((one, other) => one - other),
      faults: survey.faults.map(({ file, sequences, detail }) => ({ file: basename(file), sequences, detail })),
      events: setAside.map(({ event, status, givenUp }) => ({
        event_id: event,
        status,
        given_up: givenUp,
        lost_sequences: lost.filter((record) => record.event === event).map(({ seq }) => seq),
        ...summaryOf(removed.filter((record) => formatEventId(record.event) === event)),
      })),
    };
  }

  #recordsOf(events: ReadonlySet<string>): LogRecord[] {
    const { dataDir, plan } = this.#parts;
    const lost = new Set<number>(plan.lost.map(({ seq }) => seq));
    const records: LogRecord[] = [];
    if (events.size === 0) return records;
    surveyPartition({
      dataDir,
      partition: plan.survey.partition,
      record: (record) => {
        if (!lost.has(record.seq) && events.has(formatEventId(record.event))) records.push(record);
      },
    });
    return records;
  }

  #expectWhole(): void {
    const { setAsideTo, plan } = this.#parts;
    const { partition } = plan.survey;
    const { faults } = surveyPartition({ dataDir: setAsideTo, partition });
    invariant(faults.length === 0, () => `the mended log of partition ${partition} is not whole: ${faults[0]!.detail}`);
  }
}

/** What the report tells of an event, as far as its first record can be read. */
function summaryOf(records: readonly LogRecord[]): Record<string, unknown> {
  const sound_sequences = records.map(({ seq }) => seq);
  const accepted = records.find(({ kind }) => kind === recordKinds.accepted);
  if (accepted === undefined) return { sound_sequences };
  try {
    const { externalJobId, source, type, destination, scheduledAtMs } = decodeSpec(accepted.body);
    const scheduled_at = new Date(scheduledAtMs).toISOString();
    return { sound_sequences, external_job_id: externalJobId, source, type, destination, scheduled_at };
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    return { sound_sequences };
  }
}

/** Of the segment that a fault in its header is about. */
function firstOf(file: string): number {
  return Number.parseInt(basename(file), 10);
}

/** Below `partitions`, so that what looks through data directories finds it there. */
function newDir(setAsideTo: string, partition: PartitionId): string {
  return partitionDir(setAsideTo, partition);
}

interface Exchange {
  readonly dataDir: string;
  readonly setAsideTo: string;
  readonly partition: PartitionId;
}

function exchange({ dataDir, setAsideTo, partition }: Exchange): void {
  writeWhole(join(dataDir, repairUnfinished), { text: JSON.stringify({ setAsideTo: basename(setAsideTo), partition }) });
  const place = partitionDir(dataDir, partition);
  renameSync(place, join(setAsideTo, basename(place)));
  syncDir(setAsideTo);
  putInPlace({ dataDir, setAsideTo, partition });
}

function putInPlace({ dataDir, setAsideTo, partition }: Exchange): void {
  const place = partitionDir(dataDir, partition);
  renameSync(newDir(setAsideTo, partition), place);
  syncDir(join(place, '..'));
  rmSync(join(dataDir, repairUnfinished));
  syncDir(dataDir);
}

/** Of a repair that was cut short. */
function finishExchange(dataDir: string): void {
  const path = join(dataDir, repairUnfinished);
  if (!existsSync(path)) return;
  const { setAsideTo, partition } = JSON.parse(readFileSync(path, 'utf8')) as { setAsideTo: string; partition: PartitionId };
  const parts = { dataDir, setAsideTo: join(dataDir, 'set-aside', setAsideTo), partition };
  if (existsSync(partitionDir(dataDir, partition))) rmSync(path);
  else putInPlace(parts);
}
