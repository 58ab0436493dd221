/** A log writer and a reader on a directory of their own, wired as the threads are, with a clock that a test moves. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeDispatched, encodeOutcome, emptyBody } from '../../engine/event/outcome-codec.js';
import { type LogRecord, type RecordKind, recordKinds, type StoredRecord } from '../../engine/event/record.js';
import { encodeRenewal } from '../../engine/event/renewal-codec.js';
import { defaultSpec, type EventSpec } from '../../engine/event/spec.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { EventView } from '../../engine/event/view.js';
import { type MonoMs, noSequence, type PartitionId, type Sequence, type Slot, type WallMs } from '../../engine/kernel/brand.js';
import type { Clock } from '../../engine/kernel/clock.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import { crcOf } from '../../engine/log/checksum.js';
import { indexSegment } from '../../engine/log/index-task.js';
import { LogReader } from '../../engine/log/log-reader.js';
import { LogWriter, type LogWriterParts } from '../../engine/log/log-writer.js';
import type { SegmentTask, LogOptions, PoolRequest, ReaderReply, SegmentNotice, WriterReply } from '../../engine/log/protocol.js';
import { takeSnapshot } from '../../engine/partition/snapshot-task.js';
import { SnapshotIntake, snapshotForm } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { verifySegment } from '../../engine/log/verify-task.js';
import { RecordBatchBuilder, RecordCursor, readBatch } from '../../engine/log/record-batch.js';

export const partition = 3 as PartitionId;
export const seq = (value: number) => value as Sequence;

export class ManualClock implements Clock {
  now = 1_700_000_000_000;
  wallMs = () => this.now as WallMs;
  monoMs = () => this.now as MonoMs;
}

const usualOptions: Omit<LogOptions, 'dataDir'> = {
  partitions: [partition],
  durability: 'fsync',
  segmentBytesMax: 256 * 1024 * 1024,
  segmentAgeMsMax: 86_400_000,
  walBytesMax: 128 * 1024 * 1024,
  freeBytesMin: 0,
  ballastBytes: 0,
  pagesMax: null,
};

interface Test {
  teardown(work: () => void): void;
}

export function tempDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-log-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export type TestLogParts = Partial<Omit<LogOptions, 'dataDir'>> & { readonly dataDir?: string } & Pick<
    LogWriterParts,
    'storage' | 'freeBytesOf'
  >;

export class TestLog {
  readonly clock = new ManualClock();
  readonly options: LogOptions;
  readonly dir: string;
  readonly writerReplies: WriterReply[] = [];
  readonly readerReplies: ReaderReply[] = [];
  readonly notices: SegmentNotice[] = [];
  readonly poolRequests: PoolRequest[] = [];
  readonly reader: LogReader;
  readonly writer: LogWriter;
  #isOpen = true;

  constructor(t: Test, { dataDir, storage, freeBytesOf, ...options }: TestLogParts = {}) {
    this.options = { ...usualOptions, ...options, dataDir: dataDir ?? tempDir(t) };
    this.dir = join(this.options.dataDir, 'partitions', '0003');
    this.reader = new LogReader({
      options: this.options,
      reply: (reply) => this.readerReplies.push(reply),
      pool: (request) => this.poolRequests.push(request),
    });
    this.writer = new LogWriter({
      options: this.options,
      clock: this.clock,
      reply: (reply) => this.writerReplies.push(reply),
      notice: (notice) => {
        this.notices.push(notice);
        this.reader.notice(notice);
      },
      ...(storage && { storage }),
      ...(freeBytesOf && { freeBytesOf }),
    });
    t.teardown(() => this.close());
  }

  submit(...records: readonly LogRecord[]): void {
    this.writer.submit({ op: 'append', partition, batch: batchOf(records) });
  }

  /** Submit and commit; returns the replies that it brought. */
  append(...records: readonly LogRecord[]): WriterReply[] {
    this.submit(...records);
    return this.commit();
  }

  commit(): WriterReply[] {
    while (this.writer.commitNext());
    return this.writerReplies.splice(0);
  }

  tick(): WriterReply[] {
    this.writer.tick();
    return this.writerReplies.splice(0);
  }

  replay(): Replayed {
    return replayWhole(this.reader, this.readerReplies);
  }

  /** What is to be indexed, by first sequence. */
  get indexTasks(): SegmentTask[] {
    return this.poolRequests.flatMap((request) => (request.op === 'index' ? [request.task] : []));
  }

  ask(request: Parameters<LogReader['handle']>[0]): ReaderReply {
    this.readerReplies.length = 0;
    this.reader.handle(request);
    return this.readerReplies.shift()!;
  }

  /** Run what the main thread would run for the reader. Returns what the reader then said. */
  async runTasks(): Promise<ReaderReply[]> {
    this.readerReplies.length = 0;
    for (const request of this.poolRequests.splice(0)) {
      const detail = await runTask(request).then(
        () => null,
        (error: Error) => error.message,
      );
      this.reader.poolDone({ ...request, detail });
    }
    return this.readerReplies.splice(0);
  }

  /** What a kill would leave: the files as they are, in another directory. */
  copy(t: Test): string {
    const copy = tempDir(t);
    cpSync(this.options.dataDir, copy, { recursive: true });
    return copy;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.reader.close();
    this.writer.close();
  }
}

function runTask(request: PoolRequest): Promise<void> {
  if (request.op === 'snapshot') return takeSnapshot(request.task);
  return request.op === 'index' ? indexSegment(request.task) : verifySegment(request.task);
}

export interface Replayed {
  readonly records: StoredRecord[];
  /** First sequences of the segments that have an index. */
  readonly indexed: number[];
  /** What the sections of a snapshot made, if there was one. */
  readonly begun: PartitionState | null;
  /** What is said of snapshots. */
  readonly damaged: readonly string[];
  /** How it ended. */
  readonly end: ReaderReply;
}

/** Replay what is in `dataDir`, with nobody writing. */
export function readBack(dataDir: string): Replayed & { readonly failure: string | null } {
  const replies: ReaderReply[] = [];
  const options = { dataDir, partitions: [partition] };
  const reader = new LogReader({ options, reply: (reply) => replies.push(reply), pool: () => undefined });
  try {
    const replayed = replayWhole(reader, replies);
    return { ...replayed, failure: replayed.end.op === 'failed' ? replayed.end.detail : null };
  } finally {
    reader.close();
  }
}

let replays = 0;

function replayWhole(reader: LogReader, replies: ReaderReply[]): Replayed {
  const tag = replays++;
  const records: StoredRecord[] = [];
  const indexed: number[] = [];
  const damaged: string[] = [];
  const begun = new PartitionState(partition);
  const intake = new SnapshotIntake(begun);
  replies.length = 0;
  reader.handle({ op: 'replay', tag, partition, snapshotForm });
  for (;;) {
    const reply = replies.shift()!;
    if (reply.op === 'replay-start') {
      indexed.push(...reply.segments.filter(({ filter }) => filter !== null).map(({ first }) => first));
      damaged.push(...reply.damaged);
      continue;
    }
    if (reply.op === 'replay-section') intake.take(reply.section);
    else if (reply.op === 'replay-batch') records.push(...readBatch(reply.batch));
    else return { records, indexed, begun: begun.lastSeq === 0 ? null : begun, damaged, end: reply };
    reader.handle({ op: 'replay-next', tag });
  }
}

export function batchOf(records: readonly StoredRecord[]): Uint8Array<ArrayBuffer> {
  const builder = new RecordBatchBuilder();
  for (const record of records) builder.append(record);
  return builder.take();
}

type RenewedFrom = Pick<EventView, 'status' | 'version' | 'attempts' | 'spec'>;

/** The checksum that the record has in every batch. */
export function crcOfRecord(record: StoredRecord): number {
  const cursor = new RecordCursor(batchOf([record]));
  cursor.next();
  return crcOf(cursor.record);
}

/** Writes histories: knows the next sequence and the newest record of each event. */
export class Journal {
  readonly records: LogRecord[] = [];
  readonly #newest = new Map<EventId, Sequence>();
  #next: number;

  constructor(next = 1) {
    this.#next = next;
  }

  accepted(spec: Partial<EventSpec> = {}): LogRecord {
    const event = mintEventId((this.#next % 4096) as Slot, 1_700_000_000_000 as WallMs);
    return this.#add(recordKinds.accepted, event, encodeSpec(specOf(spec), null));
  }

  dispatched({ event }: LogRecord, attempt = 1): LogRecord {
    return this.#add(recordKinds.dispatched, event, encodeDispatched({ attempt }));
  }

  delivered({ event }: LogRecord, attempt = 1): LogRecord {
    const outcome = {
      attempt,
      statusCode: 204,
      durationMs: 3,
      lagMs: 0.5,
      error: null,
      responseBody: null,
      nextAttemptAtMs: null,
    };
    return this.#add(recordKinds.delivered, event, encodeOutcome(outcome));
  }

  cancelled({ event }: LogRecord): LogRecord {
    return this.#add(recordKinds.cancelled, event, emptyBody);
  }

  dead({ event }: LogRecord, attempt = 1): LogRecord {
    const outcome = {
      attempt,
      statusCode: 500,
      durationMs: 3,
      lagMs: 0.5,
      error: 'no',
      responseBody: null,
      nextAttemptAtMs: null,
    };
    return this.#add(recordKinds.dead, event, encodeOutcome(outcome));
  }

  /** `changed` or `retried`, of an event that looked like this. */
  renewed(kind: 'changed' | 'retried', { event }: LogRecord, before: RenewedFrom): LogRecord {
    const { status, version, attempts, spec } = before;
    const renewal = { from: status, version: version + 1, attempts, dueAtMs: spec.scheduledAtMs };
    return this.#add(recordKinds[kind], event, encodeRenewal({ ...renewal, spec: encodeSpec(spec, spec.fingerprint) }));
  }

  /** The newest record of an event. */
  newest({ event }: LogRecord): Sequence {
    return this.#newest.get(event)!;
  }

  #add(kind: RecordKind, event: EventId, body: Uint8Array): LogRecord {
    const record = {
      seq: seq(this.#next++),
      kind,
      event,
      prev: this.#newest.get(event) ?? noSequence,
      at: (1_700_000_000_000.25 + this.#next) as WallMs,
      body,
    };
    this.#newest.set(event, record.seq);
    this.records.push(record);
    return record;
  }
}

function specOf(spec: Partial<EventSpec>): EventSpec {
  const at = 1_700_000_000_000 as WallMs;
  const destination = 'https://example.org/hook';
  return { ...defaultSpec, scheduledAtMs: at, destination, payload: Buffer.from('{"a":1}'), createdAtMs: at, ...spec };
}

/** Records in a form that compares: buffers of any kind as text. */
export function plain(records: readonly StoredRecord[]): unknown[] {
  return records.map((record) => [
    record.seq,
    record.kind,
    Buffer.from(record.event).toString('hex'),
    record.prev,
    record.at,
    Buffer.from(record.body).toString('hex'),
  ]);
}
