/**
 * `escapement inspect`: one event and each of its records, from the log itself.
 *
 * It goes through the whole log of the event's partition, since what it is used for is the case in which indexes and links are
 * not to be trusted.
 */
import { relative } from 'node:path';
import { recordsIn } from '../event/carried-codec.js';
import { decodeAlias } from '../event/alias-codec.js';
import { aliasKind, carriedKind, type LogRecord, recordKinds, type StoredRecord } from '../event/record.js';
import { type EventView, type HistoryEntry, historyOf, viewOf } from '../event/view.js';
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import { SystemClock } from '../kernel/clock.js';
import { InvariantError } from '../kernel/errors.js';
import { type EventId, formatEventId, parseEventId, partitionOf, slotOf } from '../kernel/event-id.js';
import { openStoppedDir } from '../log/data-dir.js';
import { listSegments, partitionDir } from '../log/segment/segment-files.js';
import { heldPartitions, whatItHolds } from './held-partitions.js';
import { type LostRecord, lostRecordsOf } from './lost-events.js';
import { segmentBytesOf, surveyPartition } from './partition-survey.js';
import { Progress, type Say } from './progress.js';

export interface InspectedRecord {
  readonly seq: Sequence;
  /** From the data directory. */
  readonly segment: string;
  readonly kind: string;
  readonly at: WallMs;
  readonly previous: Sequence;
  readonly bodyBytes: number;
}

export interface Inspection {
  readonly partition: PartitionId;
  /** Sound ones, oldest first. */
  readonly records: readonly InspectedRecord[];
  readonly lost: readonly LostRecord[];
  /** What the records tell together. Null when one of them is missing. */
  readonly event: { readonly view: EventView; readonly history: readonly HistoryEntry[] } | null;
  /** Why `event` is null. */
  readonly detail: string | null;
}

/** Null: the log holds nothing of it. Throws StartError when the directory is in use. */
export function inspectEvent({
  dataDir,
  id,
  say,
}: {
  readonly dataDir: string;
  readonly id: string;
  readonly say: Say;
}): Inspection | null {
  const event = parseEventId(id);
  if (event === null) return null;
  const instead = `ask it (GET /api/v1/events/${id} and /api/v1/events/${id}/history), or stop it`;
  const dir = openStoppedDir(dataDir, { instead });
  try {
    const partition = partitionOf(slotOf(event), dir.partitions);
    const explanation = whatItHolds(dir, heldPartitions(dataDir, dir));
    if (explanation !== null) say(explanation);
    const { found, standsFor } = lookFor(event, { dataDir, partition, say });
    if (found !== null || standsFor === null) return found;
    say(`${id} is another id of event ${formatEventId(standsFor)}`);
    return lookFor(standsFor, { dataDir, partition, say }).found;
  } finally {
    dir.close();
  }
}

interface Look {
  readonly found: Inspection | null;
  /** The event of which it is another id. */
  readonly standsFor: EventId | null;
}

function lookFor(
  event: EventId,
  { dataDir, partition, say }: { readonly dataDir: string; readonly partition: PartitionId; readonly say: Say },
): Look {
  const totalBytes = segmentBytesOf(dataDir, partition);
  const progress = new Progress({ what: 'read', totalBytes, say, clock: new SystemClock() });
  const records: LogRecord[] = [];
  let standsFor: EventId | null = null;
  const survey = surveyPartition({
    dataDir,
    partition,
    record: (record) => {
      if (Buffer.compare(record.event, event) === 0) records.push(record);
      standsFor ??= eventOfAlias(event, record);
    },
    segmentDone: (bytes) => progress.add(bytes),
  });
  const text = formatEventId(event);
  const lost = (lostRecordsOf({ dataDir, survey }) ?? []).filter((record) => record.event === text);
  if (records.length === 0 && lost.length === 0) return { found: null, standsFor };
  const found = { partition, records: records.map(inspectedIn(dataDir, partition)), lost, ...fold(records, partition) };
  return { found, standsFor };
}

/** Null unless the record says that it is an alias. */
function eventOfAlias(id: EventId, { kind, body }: { readonly kind: number; readonly body: Uint8Array }): EventId | null {
  if (kind !== aliasKind) return null;
  const { alias, event } = decodeAlias(body);
  return Buffer.compare(alias, id) === 0 ? event : null;
}

/** A carried record stands for all that came before it, which may have been removed. */
function unbundled(stored: readonly StoredRecord[]): readonly LogRecord[] {
  const place = stored.findLastIndex(({ kind }) => kind === carriedKind);
  const behind = stored.slice(place + 1) as readonly LogRecord[];
  return place === -1 ? behind : [...recordsIn(stored[place]!), ...behind];
}

function inspectedIn(dataDir: string, partition: PartitionId): (record: LogRecord) => InspectedRecord {
  const segments = listSegments(partitionDir(dataDir, partition));
  const names = { ...recordKinds, carried: carriedKind };
  const kinds = new Map<number, string>(Object.entries(names).map(([name, kind]) => [kind, name]));
  return ({ seq, kind, at, prev, body }) => ({
    seq,
    segment: relative(dataDir, segments.findLast(({ first }) => first <= seq)!.path),
    kind: kinds.get(kind) ?? `unknown kind ${kind}`,
    at,
    previous: prev,
    bodyBytes: body.length,
  });
}

function fold(stored: readonly StoredRecord[], partition: PartitionId): Pick<Inspection, 'event' | 'detail'> {
  const records = unbundled(stored);
  const gap = records.find(({ prev }, place) => place > 0 && prev !== records[place - 1]!.seq);
  if (gap !== undefined) return { event: null, detail: `the record before sequence ${gap.seq}, ${gap.prev}, cannot be read` };
  try {
    return { event: { view: viewOf(records, partition), history: historyOf(records) }, detail: null };
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    return { event: null, detail: error.message };
  }
}
