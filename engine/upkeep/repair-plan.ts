/**
 * What a repair would do to one partition, and what it must be told before it does it.
 *
 * - A *sum* that is damaged beside sound data is made again; nothing is lost.
 * - An event that is known to be *finished* and has lost a record is set aside: it leaves the log with all of its records.
 * - An event that is *pending*, or of which nobody can say what became of it, is set aside only when its id is given up by name.
 * - A lost record that was the newest of its event, or of which nobody knows whose it was, may be given up by its place,
 *   `partition:sequence`: the event then goes back to what it was before that change. So a cancel may be undone, and a delivery
 *   made again; which is why that, too, must be asked for by name.
 * - A mark that is gone is made again from the end of the log when `partition:mark` is given up: the certainty that this
 *   is its end.
 */
import type { EventStatus } from '../event/status.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { isKnownToBeFinished, type LostRecord, lostRecordsMax, lostRecordsOf } from './lost-events.js';
import type { PartitionSurvey } from './partition-survey.js';

export interface SetAside {
  readonly event: string;
  /** Null: not known. */
  readonly status: EventStatus | null;
  readonly givenUp: boolean;
}

/** Something that is given up only when it is named. */
export interface Demand {
  /** What to name, each of which will do. */
  readonly names: readonly string[];
  readonly why: string;
}

export interface RepairPlan {
  readonly survey: PartitionSurvey;
  /** Rows that cannot be read. */
  readonly lost: readonly LostRecord[];
  readonly setAside: readonly SetAside[];
  readonly demands: readonly Demand[];
  /** Names that were given and are about this partition. */
  readonly heeded: readonly string[];
  /** Why it cannot be done at all. */
  readonly impossible: string | null;
}

/** Null: nothing is wrong. */
export function planRepair({
  dataDir,
  survey,
  giveUp,
}: {
  readonly dataDir: string;
  readonly survey: PartitionSurvey;
  readonly giveUp: ReadonlySet<string>;
}): RepairPlan | null {
  if (survey.faults.length === 0) return null;
  const refused = (impossible: string): RepairPlan => ({ survey, lost: [], setAside: [], demands: [], heeded: [], impossible });
  if (survey.segments === 0) return refused('none of its segments is left: restore a backup');
  if (survey.faults.some(({ kind }) => kind === 'foreign'))
    return refused('another version of Escapement wrote in it, and this one would take that for damage: use that version');
  const lost = lostRecordsOf({ dataDir, survey });
  if (lost === null) return refused(`more than ${lostRecordsMax} records are lost: restore a backup`);
  const planner = new Planner(survey, giveUp);
  for (const record of lost) planner.take(record);
  if (survey.faults.some(({ kind }) => kind === 'mark')) planner.mark();
  return { survey, lost, ...planner.result(), impossible: null };
}

class Planner {
  readonly #partition: PartitionId;
  readonly #giveUp: ReadonlySet<string>;
  readonly #setAside = new Map<string, SetAside>();
  readonly #demands = new Map<string, Demand>();
  readonly #heeded = new Set<string>();
  /** Neighbours of whom nobody knows whose they were are told as one. */
  #unknown: { readonly first: Sequence; last: Sequence } | null = null;

  constructor({ partition }: PartitionSurvey, giveUp: ReadonlySet<string>) {
    this.#partition = partition;
    this.#giveUp = giveUp;
  }

  result(): Pick<RepairPlan, 'setAside' | 'demands' | 'heeded'> {
    this.#endUnknown();
    return { setAside: [...this.#setAside.values()], demands: [...this.#demands.values()], heeded: [...this.#heeded] };
  }

  take(record: LostRecord): void {
    const { seq, event, status } = record;
    if (event === null) {
      if (this.#unknown?.last === seq - 1) this.#unknown.last = seq;
      else {
        this.#endUnknown();
        this.#unknown = { first: seq, last: seq };
      }
      return;
    }
    this.#endUnknown();
    if (isKnownToBeFinished(record)) {
      if (!this.#setAside.has(event)) this.#setAside.set(event, { event, status, givenUp: false });
    } else if (this.#heeds(event)) this.#setAside.set(event, { event, status, givenUp: true });
    else if (status !== null) this.#demand([event], `event ${event} is pending (${status}) and has lost sequence ${seq}`);
    else this.#demandNewest(record, event);
  }

  mark(): void {
    const name = `${this.#partition}:mark`;
    if (!this.#heeds(name)) this.#demand([name], 'without its mark nobody can say whether the log is whole');
  }

  #demandNewest({ seq }: LostRecord, event: string): void {
    const place = `${this.#partition}:${seq}`;
    if (this.#heeds(place)) return;
    const why = `sequence ${seq} was the newest of event ${event}, or all there is: the first name gives up the event, the second this change only`;
    this.#demand([event, place], why);
  }

  #endUnknown(): void {
    if (this.#unknown === null) return;
    const { first, last } = this.#unknown;
    this.#unknown = null;
    const name = `${this.#partition}:${first}${first === last ? '' : `-${last}`}`;
    if (!this.#heeds(name))
      this.#demand([name], 'nobody can say whose they were: events may be gone, and changes of others undone');
  }

  #heeds(name: string): boolean {
    if (!this.#giveUp.has(name)) return false;
    this.#heeded.add(name);
    return true;
  }

  #demand(names: readonly string[], why: string): void {
    this.#demands.set(names[0]!, { names, why });
  }
}
