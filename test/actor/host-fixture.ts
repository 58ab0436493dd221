/**
 * An actor host without threads: a manual clock, a disk in memory that is as durable as the test says, and the messages to
 * couriers and router as lists.
 *
 * Nothing happens by itself. `turn` runs one turn, `commit` makes durable what was appended, `read` answers the reader's
 * questions from what is durable; `settle` repeats all three until there is nothing left to do now.
 */
import { type CourierRequest, type Lane, lanes } from '../../engine/dispatch/protocol.js';
import type { Outcome } from '../../engine/event/attempt.js';
import { fingerprintOf, keyOf } from '../../engine/event/content.js';
import { emptyTally } from '../../engine/event/label-filter.js';
import { matchesTexts } from '../../engine/event/event-filter.js';
import { type LogRecord, recordKinds, type StoredRecord } from '../../engine/event/record.js';
import type { OriginChange } from '../../engine/event/origin-settings.js';
import { specIn } from '../../engine/event/renewal-codec.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { decodeSpec, encodeSpec } from '../../engine/event/spec-codec.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import { historyOf, viewOf } from '../../engine/event/view.js';
import { type MonoMs, noSequence, type PartitionId, type Sequence, type Slot, type WallMs } from '../../engine/kernel/brand.js';
import type { Clock } from '../../engine/kernel/clock.js';
import { type EventId, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { encodeMessages } from '../../engine/kernel/message-codec.js';
import { ActorHost } from '../../engine/actor/host.js';
import type { HostNotice } from '../../engine/actor/notices.js';
import type { HostReply } from '../../engine/actor/replies.js';
import { ChangeSlices } from '../../engine/log/reading/change-slices.js';
import type { ReaderReply, ReaderRequest, StoredFacts, WriterRequest } from '../../engine/log/protocol.js';
import { RecordBatchBuilder, readBatch } from '../../engine/log/record-batch.js';
import { knownIn } from '../../engine/log/index/known-finals.js';
import { RetrySheafBuilder } from '../../engine/log/retry-sheaf.js';
import { outcomeOf } from '../event/outcomes.js';
import { now as start, specOf } from '../event/specs.js';
import { type NewEventBytes, sheafOf } from './sheaves.js';
import type { TestLease } from '../support/test-lease.js';

export { start };

export class ManualClock implements Clock {
  now: number = start;
  wallMs = () => this.now as WallMs;
  #setForwardMs = 0;
  /** Monotonic time that every look at it takes. */
  lookMs = 0;
  #looksMs = 0;
  monoMs = () => {
    this.#looksMs += this.lookMs;
    return (this.now + this.#looksMs - this.#setForwardMs) as MonoMs;
  };

  /** Somebody sets it; the monotonic one goes on. */
  stepWall(byMs: number): void {
    this.now += byMs;
    this.#setForwardMs += byMs;
  }
}

/** Records of one partition: durable ones, and those that were only appended. */
class Disk {
  readonly durable: StoredRecord[] = [];
  appended: StoredRecord[] = [];
}

export interface TestHostParts {
  readonly partitions?: readonly number[];
  readonly couriers?: number;
  /** By partition: what is in the log at the start. */
  readonly logs?: ReadonlyMap<number, readonly StoredRecord[]>;
  readonly readAheadBytesMax?: number;
  readonly snapshotRecords?: number;
  readonly retentionMs?: number;
  /** There is a cluster: every partition is elsewhere until it is taken. */
  readonly lease?: TestLease | null;
}

/** As long as the ledger gathers what nobody waits for. */
const gatheredMs = 2;

export class TestHost {
  readonly clock = new ManualClock();
  readonly host: ActorHost;
  readonly replies: HostReply[] = [];
  readonly notices: HostNotice[] = [];
  readonly changes: StatusChange[] = [];
  /** To couriers, in order, whichever it was. */
  readonly sent: CourierRequest[] = [];
  readonly writerRequests: WriterRequest[] = [];
  /** What the reader was asked and has not answered. */
  questions: ReaderRequest[] = [];
  /** Answers `running?` at once with these attempts; null: the test answers. */
  runningNow: { event: EventId; attempt: number }[] | null = [];
  /** What a replay says of snapshots. */
  damagedSnapshots: readonly string[] = [];
  /** Answers that the reader gives instead of reading. */
  readInstead: (request: ReaderRequest) => ReaderReply | null = () => null;
  readonly #disks = new Map<number, Disk>();
  readonly #couriers: number;
  #lastRequest = 0;
  #asked: { courier: number; partition: PartitionId }[] = [];
  #reopening: PartitionId[] = [];

  constructor({
    partitions = [0],
    couriers = 1,
    logs,
    readAheadBytesMax = 64 * 1024 * 1024,
    snapshotRecords = 1_000_000,
    retentionMs = 7 * 86_400_000,
    lease = null,
  }: TestHostParts = {}) {
    this.#couriers = couriers;
    for (const partition of partitions) {
      const disk = new Disk();
      for (const record of logs?.get(partition) ?? []) disk.durable.push(record);
      this.#disks.set(partition, disk);
    }
    this.host = new ActorHost(
      { partitions: partitions as readonly PartitionId[], readAheadBytesMax, snapshotRecords, retentionMs },
      {
        lease,
        clock: this.clock,
        random: () => 0,
        toWriter: (request) => this.#write(request),
        toReader: (request) => this.questions.push(request),
        couriers: {
          couriers,
          courierOf: (origin) => (origin.length * 7) % couriers,
          send: (courier, requests) => this.#toCourier(courier, requests),
        },
        reply: (reply) => this.replies.push(reply),
        notify: (notice) => this.notices.push(notice),
        change: (change) => this.changes.push(change),
      },
    );
  }

  /** Replayed and ready. */
  static ready(parts: TestHostParts = {}): TestHost {
    const test = new TestHost(parts);
    test.host.start();
    test.settle();
    return test;
  }

  // ---- time and disk ----

  turn(): number | null {
    const waitMs = this.host.turn();
    const asked = this.#asked;
    this.#asked = [];
    if (this.runningNow !== null) {
      const attempts = this.runningNow;
      for (const { courier, partition } of asked) this.host.fromCourier(courier, [{ op: 'running', partition, attempts }]);
    } else this.#asked = asked;
    return waitMs;
  }

  /** Everything appended is durable, and the host hears of it. */
  commit(partition?: number): void {
    const reopened = this.#reopening;
    this.#reopening = [];
    for (const number of reopened) this.host.fromWriter({ op: 'reopened', partition: number });
    for (const [number, disk] of this.#disks) {
      if ((partition !== undefined && partition !== number) || disk.appended.length === 0) continue;
      for (const record of disk.appended) disk.durable.push(record);
      disk.appended = [];
      const seq = disk.durable.at(-1)!.seq;
      this.host.fromWriter({ op: 'durable', partition: number as PartitionId, seq, commitMs: 1 });
    }
  }

  /** What was appended is lost, and the host hears of it. */
  failCommit(partition: number, failure: 'disk-full' | 'io' = 'io'): void {
    const disk = this.#disks.get(partition)!;
    disk.appended = [];
    const durable = disk.durable.at(-1)?.seq ?? noSequence;
    this.host.fromWriter({
      op: 'failed',
      partition: partition as PartitionId,
      durable,
      failure,
      isDamage: false,
      detail: 'the disk said no',
    });
  }

  /** The reader answers everything it was asked so far. */
  read(): void {
    const questions = this.questions;
    this.questions = [];
    for (const question of questions) {
      for (const reply of this.#answer(question)) this.host.fromReader(reply);
    }
  }

  /** Until nothing is left to do at this moment. */
  settle(): void {
    for (let round = 0; round < 10_000; round++) {
      const waitMs = this.turn();
      const quiet =
        this.questions.length === 0 && this.appended === 0 && waitMs !== 0 && this.#asked.length + this.#reopening.length === 0;
      this.commit();
      this.read();
      if (quiet) return;
    }
    throw new Error('it does not come to rest');
  }

  /** Time goes on, with a turn at each moment that the host asked for. */
  advance(ms: number): void {
    const end = this.clock.now + ms;
    for (let step = 0; step < 100_000; step++) {
      this.settle();
      const waitMs = this.turn();
      if (waitMs === null || this.clock.now + waitMs > end) break;
      this.clock.now += Math.max(waitMs, 0.25);
    }
    this.clock.now = Math.max(this.clock.now, end);
    this.settle();
  }

  get appended(): number {
    let sum = 0;
    for (const disk of this.#disks.values()) sum += disk.appended.length;
    return sum;
  }

  /** After the moment for which what nobody waits for is gathered. */
  durableOf(partition: number): readonly StoredRecord[] {
    if (this.host.actors.some(({ flushInMs }) => flushInMs !== null)) this.advance(gatheredMs);
    return this.#disks.get(partition)!.durable;
  }

  // ---- requests ----

  /** Into the mailbox. Returns the number under which the reply comes. */
  schedule(
    fields: Partial<EventSpec> = {},
    { partition = 0, event = newId(partition) }: { partition?: number; event?: EventId } = {},
  ) {
    const request = ++this.#lastRequest;
    this.host.fromRouter([sheafOf(request, partition as PartitionId, [{ event, body: bodyOf(fields) }])]);
    return { request, event };
  }

  about(op: 'cancel' | 'get' | 'history', event: EventId, partition = 0): number {
    const request = ++this.#lastRequest;
    this.host.fromRouter([{ op, request, partition: partition as PartitionId, event }]);
    return request;
  }

  configure(origin: string, change: OriginChange, partition = 0): number {
    const request = ++this.#lastRequest;
    this.host.fromRouter([{ op: 'configure', request, partition: partition as PartitionId, origin, change }]);
    return request;
  }

  /** Several new events in one sheaf. Returns the number of the first. */
  scheduleSheaf(events: readonly NewEventBytes[], partition = 0): number {
    const request = this.#lastRequest + 1;
    this.#lastRequest += events.length;
    this.host.fromRouter([sheafOf(request, partition as PartitionId, events)]);
    return request;
  }

  /** Of those that are answered together, the number of the request. */
  replyTo(request: number): HostReply | undefined {
    const isAmong = (reply: HostReply) =>
      reply.op === 'accepted' && request > reply.request && request < reply.request + reply.count;
    return this.replies.find((reply) => reply.request === request || isAmong(reply));
  }

  /** An event that is accepted and durable. */
  accepted(fields: Partial<EventSpec> = {}, partition = 0): EventId {
    const { event } = this.schedule(fields, { partition });
    this.settle();
    return event;
  }

  // ---- couriers ----

  /** Slots for everything that is wanted, and what starts with them. */
  grantAll(): void {
    for (const lane of lanes) for (const [origin, count] of this.wanted(lane)) if (count > 0) this.grant(origin, count, lane);
  }

  grant(origin: string, count: number, lane: Lane = 'regular'): void {
    const granted = this.#granted[lane];
    granted.set(origin, (granted.get(origin) ?? 0) + count);
    this.host.fromCourier(0, [{ op: 'grant', origin, lane, count }]);
  }
  readonly #granted: Readonly<Record<Lane, Map<string, number>>> = { regular: new Map(), overdue: new Map() };

  /** Slots wanted and not granted, by origin. */
  wanted(lane: Lane = 'regular'): Map<string, number> {
    const open = new Map<string, number>();
    const count = (origin: string, by: number) => open.set(origin, (open.get(origin) ?? 0) + by);
    for (const request of this.sent) {
      if (request.op === 'want' && request.lane === lane) count(request.origin, request.count);
      if (request.op === 'unwant' && request.lane === lane) count(request.origin, -request.count);
    }
    for (const [origin, granted] of this.#granted[lane]) count(origin, -granted);
    return open;
  }

  starts(): Extract<CourierRequest, { op: 'start' }>['attempt'][] {
    return this.sent.flatMap((request) => (request.op === 'start' ? [request.attempt] : []));
  }

  count(op: CourierRequest['op']): number {
    let sum = 0;
    for (const request of this.sent) if (request.op === op) sum += 'count' in request ? request.count : 1;
    return sum;
  }

  end(event: EventId, fields: Partial<Outcome> = {}, partition = 0): void {
    this.host.fromCourier(0, [{ op: 'outcome', outcome: outcomeOf(event, { ...fields, partition: partition as PartitionId }) }]);
  }

  phases(partition = 0): string[] {
    return this.notices.flatMap((notice) => (notice.op === 'phase' && notice.partition === partition ? [notice.phase] : []));
  }

  // ---- inside ----

  #write(request: WriterRequest): void {
    this.writerRequests.push(request);
    if (request.op === 'reopen') this.#reopening.push(request.partition);
    if (request.op !== 'append') return;
    for (const record of readBatch(request.batch)) {
      this.#disks.get(request.partition)!.appended.push({ ...record, event: record.event.slice(), body: record.body.slice() });
    }
  }

  #toCourier(courier: number, requests: readonly CourierRequest[]): void {
    for (const request of requests) {
      this.sent.push(request);
      if (request.op === 'running?') this.#asked.push({ courier, partition: request.partition });
    }
  }

  get couriers(): number {
    return this.#couriers;
  }

  #answer(request: ReaderRequest): ReaderReply[] {
    if (request.op === 'replay-next' || request.op === 'close') return [];
    const instead = this.readInstead(request);
    if (instead !== null) return [instead];
    const { tag } = request;
    const { durable } = this.#disks.get(request.partition)!;
    const walk = (newest: Sequence): LogRecord[] => {
      const records: LogRecord[] = [];
      for (let seq = newest; seq !== noSequence; seq = records[0]!.prev) records.unshift(durable[seq - 1] as LogRecord);
      return records;
    };
    switch (request.op) {
      case 'replay': {
        const last = durable.at(-1)?.seq ?? noSequence;
        const batches = batchesOf(durable).map((batch) => ({ op: 'replay-batch', tag, batch, done: 1 }) as const);
        return [
          { op: 'replay-start', tag, segments: [], damaged: this.damagedSnapshots },
          ...batches,
          { op: 'replay-done', tag, last },
        ];
      }
      case 'outdated':
        return [{ op: 'outdated', tag, segment: null }];
      case 'not-over':
        return [{ op: 'not-over', tag, events: [] }];
      case 'bundle':
        return [{ op: 'bundles', tag, bundles: request.events.map(() => null) }];
      case 'remove':
        return [{ op: 'removed', tag }];
      case 'snapshot':
        return [{ op: 'snapshot-taken', tag, detail: null }];
      case 'bodies':
        return [{ op: 'bodies', tag, bodies: request.seqs.map((seq) => specIn(durable[seq - 1]!)!.slice()), damaged: [] }];
      case 'view':
        return [{ op: 'view', tag, view: viewOf(walk(request.newest), request.partition) }];
      case 'history':
        return [{ op: 'history', tag, entries: historyOf(walk(request.newest)) }];
      case 'changes': {
        const source = {
          partition: request.partition,
          first: 1 as Sequence,
          record: (seq: Sequence) => durable[seq - 1]!,
          isDamage: () => false,
        };
        const { after, through, changes } = new ChangeSlices().read(source, request);
        return [{ op: 'changes', tag, after, through, changes: encodeMessages(changes) }];
      }
      case 'list':
        return [{ op: 'listed', tag, entries: new Uint8Array(0), coverage: 'end' }];
      case 'tally':
        return [{ op: 'tally', tag, tally: emptyTally() }];
      case 'facts': {
        const facts = request.events.flatMap(({ event, newest }) => {
          const seq = newest ?? durable.findLast((record) => formatEventId(record.event) === formatEventId(event))?.seq;
          return seq === undefined ? [] : [factsOf(walk(seq), request.partition)];
        });
        return [{ op: 'facts', tag, facts: encodeMessages(facts) }];
      }
      case 'match': {
        const { filter } = request;
        const texts = request.seqs.map((seq) => specIn(durable[seq - 1]!));
        return [
          {
            op: 'matches',
            tag,
            matches: Uint8Array.from(texts, (spec) => (spec !== null && matchesTexts(filter, decodeSpec(spec)) ? 1 : 0)),
          },
        ];
      }
      case 'retries': {
        const { filter } = request;
        const known = knownIn(request.known);
        const retries = new RetrySheafBuilder();
        for (const final of known) {
          const spec = specIn(durable[final.bodySeq - 1]!)!;
          if (matchesTexts(filter, decodeSpec(spec))) retries.append(final, spec);
        }
        return [{ op: 'retries', tag, sheaf: retries.take(), looked: known.length }];
      }
      case 'indexed-finals':
        return [{ op: 'indexed-finals', tag, known: new Uint8Array(0), until: 'end' }];
      case 'views': {
        const views = request.events.map(({ newest }) => (newest === null ? null : viewOf(walk(newest), request.partition)));
        return [{ op: 'views', tag, views }];
      }
      case 'find-id': {
        const last = durable.findLast((record) => formatEventId(record.event) === formatEventId(request.event));
        return [{ op: 'found', tag, finished: last === undefined ? [] : [{ event: last.event, seq: last.seq }] }];
      }
      case 'find-key': {
        const { tagHigh, tagLow } = request;
        const own = durable.filter((record) => {
          const tagOf = record.kind === recordKinds.accepted ? decodeSpec(record.body).tag : null;
          return tagOf !== null && tagOf.high === tagHigh && tagOf.low === tagLow;
        });
        const finals = own.map(
          (record) => durable.findLast((later) => formatEventId(later.event) === formatEventId(record.event))!,
        );
        return [{ op: 'found', tag, finished: finals.map(({ event, seq }) => ({ event, seq })).reverse() }];
      }
    }
  }
}

/** What the reader tells of a finished event. */
function factsOf(records: readonly LogRecord[], partition: PartitionId): StoredFacts {
  const { id, status, version, attempts } = viewOf(records, partition);
  const spec = specIn(records.findLast((record) => specIn(record) !== null)!)!;
  return { event: id, newest: records.at(-1)!.seq, status, version, attempts, spec };
}

export function newId(partition = 0): EventId {
  return mintEventId(partition as Slot, start);
}

export function bodyOf(fields: Partial<EventSpec> = {}): Uint8Array {
  const spec = specOf(fields);
  return encodeSpec(spec, keyOf(spec) === null ? null : fingerprintOf(spec, true));
}

export function batchesOf(records: readonly StoredRecord[]): Uint8Array<ArrayBuffer>[] {
  const batches: Uint8Array<ArrayBuffer>[] = [];
  const builder = new RecordBatchBuilder();
  for (const record of records) {
    builder.append(record);
    if (builder.count === 10_000) batches.push(builder.take());
  }
  if (builder.count > 0) batches.push(builder.take());
  return batches;
}

/** Accepted records of so many events. Those of the same `fields` share a body: writing one takes longer than all else. */
export function acceptedRecords(count: number, fields: (index: number) => Partial<EventSpec>): LogRecord[] {
  const bodies = new Map<Partial<EventSpec>, Uint8Array>();
  const bodyFor = (own: Partial<EventSpec>): Uint8Array => {
    const body = bodies.get(own) ?? bodyOf(own);
    bodies.set(own, body);
    return body;
  };
  return Array.from({ length: count }, (_, index) => ({
    seq: (index + 1) as Sequence,
    kind: recordKinds.accepted,
    event: newId(),
    prev: noSequence,
    at: start,
    body: bodyFor(fields(index)),
  }));
}
