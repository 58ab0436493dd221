/**
 * Whose were the records that are lost, and what is known of those events?
 *
 * A later record of the same event names the lost one as its predecessor: that is certain. What a damaged record itself says is
 * believed when other records of that event are in the log; else it is all there is, and said to be so.
 *
 * An event is known to be finished when a sound record behind the lost one finished it. If the lost record was its newest, nobody
 * can say what became of it.
 *
 * Two more walks through the log, and memory for the lost records and the events they belong to, not for the others.
 */
import { recordsIn } from '../event/carried-codec.js';
import { carriedKind, isAboutEvent, type StoredRecord, statusesOf, statusOfKind } from '../event/record.js';
import { type EventStatus, isFinished } from '../event/status.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { formatEventId, parseEventId } from '../kernel/event-id.js';
import { type Fault, type PartitionSurvey, surveyPartition } from './partition-survey.js';

/** More than this are not told one by one: such a log is not mended but restored. */
export const lostRecordsMax = 10_000;

export interface LostRecord {
  readonly seq: Sequence;
  readonly fault: Fault;
  /** As text. Null: nobody can say. */
  readonly event: string | null;
  /** What the newest sound record behind the lost record says. Null: there is none, so what became of it is not known. */
  readonly status: EventStatus | null;
}

/** Null when they are too many. */
export function lostRecordsOf({
  dataDir,
  survey,
}: {
  readonly dataDir: string;
  readonly survey: PartitionSurvey;
}): readonly LostRecord[] | null {
  const { partition } = survey;
  const faults = survey.faults.filter(({ kind }) => kind === 'records');
  const count = faults.reduce((sum, { sequences }) => sum + (sequences === null ? 0 : sequences.last - sequences.first + 1), 0);
  if (count > lostRecordsMax) return null;
  const faultOf = new Map<number, Fault>();
  for (const fault of faults) {
    if (fault.sequences === null) continue;
    for (let seq: number = fault.sequences.first; seq <= fault.sequences.last; seq++) faultOf.set(seq, fault);
  }
  if (faultOf.size === 0) return [];
  const ownerOf = ownersBySuccessor({ dataDir, partition, lost: faultOf });
  const said = new Map(
    [...faultOf].flatMap(([seq, { event }]) => (event === null ? [] : [[seq, formatEventId(event)] as const])),
  );
  const known = newestOf({ dataDir, partition, events: new Set([...ownerOf.values(), ...said.values()]), lost: faultOf });
  return [...faultOf].map(([seq, fault]) => {
    const event = ownerOf.get(seq) ?? believable(said.get(seq));
    const newest = event === null ? undefined : known.get(event);
    const status = newest !== undefined && newest.seq > seq ? newest.status : null;
    return { seq: seq as Sequence, fault, event, status };
  });
}

export function isKnownToBeFinished({ status }: Pick<LostRecord, 'status'>): boolean {
  return status !== null && isFinished(status);
}

/** An id that is none of ours says that the damage is in it. */
function believable(said: string | undefined): string | null {
  return said !== undefined && parseEventId(said) !== null ? said : null;
}

interface Walk {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly lost: ReadonlyMap<number, Fault>;
}

function ownersBySuccessor({ dataDir, partition, lost }: Walk): Map<number, string> {
  const owners = new Map<number, string>();
  walk({ dataDir, partition, lost }, ({ prev, event }) => {
    if (lost.has(prev)) owners.set(prev, formatEventId(event));
  });
  return owners;
}

interface Newest {
  readonly seq: Sequence;
  readonly status: EventStatus;
}

function newestOf({ events, ...parts }: Walk & { readonly events: ReadonlySet<string> }): Map<string, Newest> {
  const newest = new Map<string, Newest>();
  walk(parts, (record) => {
    const id = formatEventId(record.event);
    if (!events.has(id)) return;
    const status = statusBehind(record) ?? newest.get(id)?.status;
    if (status !== undefined) newest.set(id, { seq: record.seq, status });
  });
  return newest;
}

/** Null: the record says nothing of it. One that was carried forward says all that came before it. */
function statusBehind(record: StoredRecord): EventStatus | null {
  if (record.kind === carriedKind) return statusesOf(recordsIn(record)).at(-1) ?? null;
  return isAboutEvent(record) ? statusOfKind[record.kind] : null;
}

/** Sound records; one that the chain shows to be another than was written is not. */
function walk({ dataDir, partition, lost }: Walk, visit: (record: StoredRecord) => void): void {
  surveyPartition({
    dataDir,
    partition,
    record: (record) => {
      if (!lost.has(record.seq)) visit(record);
    },
  });
}
