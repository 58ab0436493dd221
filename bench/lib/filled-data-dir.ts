/**
 * A data directory as a long life leaves it, without the life: records are written through the log's own writer, sealed segments are
 * indexed and snapshots taken by the tasks of the engine. A million events take seconds, not a quarter of an hour.
 *
 * One thread for each core fills its share of the partitions; what takes less time than a thread's start is filled by the one that asks. Pending events are spread over all of the log. `os` durability: what is measured is what finds the directory, not who made it.
 */
import { availableParallelism } from 'node:os';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { fingerprintOf, keyOf, slotOfKey } from '../../engine/event/content.js';
import { emptyBody, encodeDispatched, encodeOutcome } from '../../engine/event/outcome-codec.js';
import { type RecordKind, recordKinds } from '../../engine/event/record.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { SystemClock } from '../../engine/kernel/clock.js';
import { mintEventId, partitionOf } from '../../engine/kernel/event-id.js';
import { segmentBytesMax, walBytesMax } from '../../engine/kernel/limits.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { indexSegment } from '../../engine/log/index-task.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import type { LogOptions } from '../../engine/log/protocol.js';
import { RecordBatchBuilder } from '../../engine/log/record-batch.js';
import { listSegments, partitionDir } from '../../engine/log/segment/segment-files.js';
import { takeSnapshot } from '../../engine/partition/snapshot-task.js';

const slots = 4_096;
const eventsOfOneThread = 20_000;
const recordsPerCommit = 2_000;
const commitsPerTick = 16;
/** Of a busy day: ids are in the order of the log but for those of one millisecond, as they are where events are accepted. */
const acceptedPerMs = 20;
const now = Date.now() as WallMs;

export interface Filling {
  readonly partitions: number;
  readonly pending: number;
  readonly finished: number;
  /** Of each partition, behind its newest snapshot. */
  readonly recordsBehind: number;
  /** Of each event, but for its external id: `job-0` and so on when they are to have one. */
  readonly spec: EventSpec;
  readonly externalIds: boolean;
  /** Of a segment, when there are to be many. */
  readonly segmentBytes?: number;
  /** How those that have finished did; `delivered` unless it is said. */
  readonly ending?: 'delivered' | 'dead';
}

interface Share extends Filling {
  readonly dataDir: string;
  readonly own: readonly PartitionId[];
}

export async function fillDataDir(dataDir: string, filling: Filling): Promise<void> {
  const { partitions } = filling;
  openDataDir({ dataDir, partitions, cluster: null }).close();
  const isSmall = filling.pending + filling.finished < eventsOfOneThread;
  const threads = isSmall ? 1 : Math.min(partitions, availableParallelism());
  const shares = Array.from({ length: threads }, (_, thread): Share => {
    const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
    return { ...filling, dataDir, own: all.filter((partition) => partition % threads === thread) };
  });
  if (isSmall) for (const share of shares) await fillShare(share);
  else await Promise.all(shares.map(fillOnThread));
}

function fillOnThread(share: Share): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.once('error', reject);
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread that fills ended with ${code}`))));
  });
}

async function fillShare(share: Share): Promise<void> {
  const { dataDir, recordsBehind } = share;
  for (const { partition, seq } of write(share)) {
    if (seq === 0) continue;
    const names = listSegments(partitionDir(dataDir, partition));
    for (const [place, { first }] of names.slice(0, -1).entries()) {
      await indexSegment({ dataDir, partition, first, next: names[place + 1]!.first });
    }
    await takeSnapshot({ dataDir, partition, upTo: Math.max(1, seq - recordsBehind) as Sequence });
  }
}

/** Returns the last sequence of each partition. */
function write({
  dataDir,
  partitions,
  own,
  pending,
  finished,
  spec,
  externalIds,
  segmentBytes,
  ending = 'delivered',
}: Share): readonly PartitionTail[] {
  const ticks = segmentBytes === undefined ? commitsPerTick : 1;
  const tails = new Map(own.map((partition) => [partition, new PartitionTail(partition, ticks)]));
  const writer = openWriter(dataDir, { partitions: own, segmentBytesMax: segmentBytes ?? segmentBytesMax });
  const events = pending + finished;
  // Without an id of its own every body is the same.
  const same = externalIds ? null : encodeSpec(spec, null);
  for (let number = 0; number < events; number++) {
    const each = externalIds ? { ...spec, externalJobId: `job-${number}` } : spec;
    const slot = externalIds ? slotOfKey(keyOf(each)!) : ((number % slots) as Slot);
    const tail = tails.get(partitionOf(slot, partitions));
    if (tail === undefined) continue;
    const event = mintEventId(slot, (now - (events - number) / acceptedPerMs) as WallMs);
    const body = same ?? encodeSpec(each, fingerprintOf(each, true));
    const accepted = tail.append(recordKinds.accepted, { event, prev: 0, body });
    if (!isPending(number, { pending, events })) {
      const started = tail.append(recordKinds.dispatched, { event, prev: accepted, body: dispatched });
      tail.append(recordKinds[ending], { event, prev: started, body: outcomes[ending] });
    }
    if (tail.count >= recordsPerCommit) tail.commit(writer);
  }
  for (const tail of tails.values()) if (tail.count > 0) tail.commit(writer);
  writer.close();
  return [...tails.values()];
}

/** The end of one log, and what is about to be appended to it. */
class PartitionTail {
  readonly partition: PartitionId;
  readonly #batch = new RecordBatchBuilder();
  readonly #commitsPerTick: number;
  #commits = 0;
  #seq = 0;

  constructor(partition: PartitionId, commitsPerTick: number) {
    this.partition = partition;
    this.#commitsPerTick = commitsPerTick;
  }

  get seq(): Sequence {
    return this.#seq as Sequence;
  }
  get count(): number {
    return this.#batch.count;
  }

  append(kind: RecordKind, fields: { readonly event: Uint8Array; readonly prev: number; readonly body: Uint8Array }): Sequence {
    const { event, prev, body } = fields;
    this.#batch.append({ seq: ++this.#seq as Sequence, kind, event, prev: prev as Sequence, at: now, body });
    return this.seq;
  }

  commit(writer: LogWriter): void {
    writer.submit({ op: 'append', partition: this.partition, batch: this.#batch.take() });
    writer.commitNext();
    if (++this.#commits % this.#commitsPerTick === 0) writer.tick();
  }
}

/** So many of all, evenly. */
function isPending(number: number, { pending, events }: { readonly pending: number; readonly events: number }): boolean {
  return Math.floor(((number + 1) * pending) / events) > Math.floor((number * pending) / events);
}

const dispatched = encodeDispatched({ attempt: 1 });
const outcome = { attempt: 1, durationMs: 3, lagMs: 0.5, responseBody: emptyBody, nextAttemptAtMs: null };
const outcomes = {
  delivered: encodeOutcome({ ...outcome, statusCode: 204, error: null }),
  dead: encodeOutcome({ ...outcome, statusCode: 500, error: 'HTTP 500' }),
};

function openWriter(
  dataDir: string,
  { partitions, segmentBytesMax }: Pick<LogOptions, 'partitions' | 'segmentBytesMax'>,
): LogWriter {
  const options: LogOptions = {
    dataDir,
    partitions,
    durability: 'os',
    segmentBytesMax,
    segmentAgeMsMax: Number.MAX_SAFE_INTEGER,
    freeBytesMin: 0,
    ballastBytes: 0,
    walBytesMax,
    pagesMax: null,
  };
  const reply = ({ op, ...more }: { readonly op: string }): void => {
    if (op === 'failed') throw new Error(`the log writer failed: ${JSON.stringify(more)}`);
  };
  return new LogWriter({ options, clock: new SystemClock(), reply, notice: () => undefined });
}

if (!isMainThread) await fillShare(workerData as Share);
