/**
 * How long things take and what goes wrong, in one place: the world asks, the weather answers.
 *
 * `fairWeather` always gives the same short times and no fault: for scenarios, whose faults are written in their files.
 * `seededWeather` draws everything from one generator, so that a seed is a history.
 */
import type { WriteFailure } from '../../engine/log/protocol.js';
import { Random } from '../wheel/random.js';

export interface Weather {
  /** Of a message between two threads. */
  messageMs(): number;
  commitMs(): number;
  /** Of a read that the host asks for. */
  readMs(): number;
  /** Of building the index of a sealed segment. */
  indexMs(): number;
  /** Of taking a snapshot. */
  snapshotMs(): number;
  /** A snapshot that a replay could begin with is damaged. */
  snapshotFault(): boolean;
  /** From the last message to the turn that works it off. */
  turnMs(): number;
  /** How late a timer is. */
  timerLateMs(): number;
  /** What a look at the clock costs: how soon a turn has used up its budget. */
  readonly lookMs: number;
  /** For how long the thread that looks at its clock now has lost its processor. */
  stallMs(): number;
  readonly stallMsMax: number;
  readonly replayBatchRecords: number;
  readonly segmentRecordsMax: number;
  readonly retentionMs: number;
  /** Between two snapshots. */
  readonly snapshotRecords: number;
  /** What becomes of a commit that begins now. */
  commitFault(): WriteFailure | null;
  /** The same of opening the log at start, or again after a failure. */
  openFault(): WriteFailure | null;
  /** Of so many unsynced records, how many survive. */
  survivors(records: number): number;
  /** In [0, 1): for everything else that the engine draws by lot. */
  chance(): number;
}

export function fairWeather(): Weather {
  const random = new Random(1);
  return {
    messageMs: () => 0.05,
    commitMs: () => 1,
    readMs: () => 0.2,
    indexMs: () => 5,
    snapshotMs: () => 5,
    snapshotFault: () => false,
    turnMs: () => 0.01,
    timerLateMs: () => 0,
    lookMs: 0,
    stallMs: () => 0,
    stallMsMax: 0,
    replayBatchRecords: 1_000,
    segmentRecordsMax: 1_000,
    retentionMs: 7 * 86_400_000,
    snapshotRecords: 1_000,
    commitFault: () => null,
    openFault: () => null,
    survivors: (records) => records,
    chance: () => random.next(),
  };
}

/** Faults of the disk per commit, once in so many; 0 for never. */
export interface Climate {
  readonly commitFaultEvery: number;
  readonly openFaultEvery: number;
}

export function seededWeather(random: Random, climate: () => Climate): Weather {
  const oneIn = (times: number) => times > 0 && random.next() * times < 1;
  const fault = (every: number): WriteFailure | null => (oneIn(every) ? random.pick(['disk-full', 'io', 'io']) : null);
  /** Mostly about `usualMs`, now and then as long as `rareMs`. */
  const around = (usualMs: number, rareMs: number) => () => random.next() ** 2 * (oneIn(25) ? rareMs : usualMs);
  const stallsOneIn = random.pick([0, 0, 50, 500]);
  const stallMsMax = stallsOneIn === 0 ? 0 : random.pick([30, 30, 700]);
  return {
    messageMs: around(0.2, 20),
    commitMs: around(6, 300),
    readMs: around(1, 60),
    indexMs: around(40, 5_000),
    snapshotMs: around(60, 5_000),
    snapshotFault: () => oneIn(8),
    turnMs: around(0.1, 15),
    timerLateMs: around(1, 40),
    lookMs: random.pick([0, 0, 0.01, 0.2, 0.7]),
    stallMs: () => (oneIn(stallsOneIn) ? random.next() ** 2 * stallMsMax : 0),
    stallMsMax,
    replayBatchRecords: 1 + random.below(random.pick([2, 10, 100])),
    segmentRecordsMax: 5 + random.below(random.pick([10, 60, 400])),
    retentionMs: random.pick([7 * 86_400_000, 3_600_000, 60_000, 5_000]),
    snapshotRecords: 3 + random.below(random.pick([10, 60, 400])),
    commitFault: () => fault(climate().commitFaultEvery),
    openFault: () => fault(climate().openFaultEvery),
    survivors: (records) => random.pick([0, records, random.below(records + 1)]),
    chance: () => random.next(),
  };
}
