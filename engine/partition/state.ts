/**
 * What a partition knows, and the only way in which it changes: `apply(record)`.
 *
 * Live traffic, replay after a crash and the simulator all run this one function, so the state after a restart is the
 * state before it by construction. No clock, disk, network, randomness or promise in here.
 *
 * Owned by one actor, one thread. The wheel, attempts that are running and events that wait for a slot are the actor's: they
 * follow from the state and are not part of it.
 */
import { decodeOutcome } from '../event/outcome-codec.js';
import { recordsIn } from '../event/carried-codec.js';
import {
  aliasKind,
  type CarriedRecord,
  carriedKind,
  isAboutEvent,
  type LogRecord,
  recordKinds,
  type StoredRecord,
  settingsKind,
  stateBehind,
} from '../event/record.js';
import { tallyPlace } from '../event/label-filter.js';
import { decodeRenewal, type Renewal, RenewalHead } from '../event/renewal-codec.js';
import { type DeliveryType, deliveryTypes } from '../event/spec.js';
import { SpecHead } from '../event/spec-codec.js';
import { type EventStatus, eventStatuses, isFinished, move } from '../event/status.js';
import { type Handle, noSequence, type PartitionId, type Sequence, type WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import { labelPairsMax } from '../kernel/limits.js';
import type { SegmentOutline } from '../log/protocol.js';
import type { RecordCursor } from '../log/record-batch.js';
import { SegmentFilter } from '../log/index/segment-filter.js';
import { EventColumns, hashAt, hashOfId } from './columns.js';
import { FinishedEvents, type PageOutline } from './finished.js';
import { HandleTable } from './handle-table.js';
import { type LabelPair, LabelSums } from './label-sums.js';
import { KeyTable } from './key-table.js';
import { OriginTable } from './origins.js';
import { Aliases, type KeptAlias } from './aliases.js';
import { SettingsTable } from './settings-table.js';

/** What a record did, for the actor. One instance is used again and again: read it before the next `apply`. */
export interface Applied {
  /** Of the row, also when the event has just finished and the row is free again. */
  readonly handle: Handle;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
}

/** A record and the event that it is about: its id is in `id`, from `idAt` on. */
interface NamedRecord {
  readonly seq: Sequence;
  readonly id: Uint8Array;
  readonly idAt: number;
}

/** What a retry says beside its spec. */
type Begun = Omit<Renewal, 'spec'>;

/** What a snapshot tells first. */
export interface Beginning {
  readonly pages: readonly PageOutline[];
  /** Rows that follow, and those of them with a key: for the room that they will need. */
  readonly pending: number;
  readonly keyed: number;
}

export class PartitionState {
  readonly partition: PartitionId;
  readonly columns = new EventColumns();
  readonly origins = new OriginTable();
  readonly finished: FinishedEvents;
  /** What is set for origins. */
  readonly settings = new SettingsTable();
  readonly aliases = new Aliases();
  /** All events that are retained, pending ones included. */
  readonly byStatus: Record<EventStatus, number> = countsOf(eventStatuses);
  readonly byDeliveryType: Record<DeliveryType, number> = countsOf(deliveryTypes);
  /** Pending events by source and type. */
  readonly labels = new LabelSums(labelPairsMax);
  readonly #ids: HandleTable;
  readonly #keys: KeyTable;
  readonly #head = new SpecHead();
  readonly #renewal = new RenewalHead();
  readonly #applied = { handle: 0 as Handle, status: 'SCHEDULED' as EventStatus, version: 0, attempts: 0 };
  /** Newest records of events whose beginning was removed. */
  readonly #headless = new Set<Sequence>();
  #lastSeq: Sequence = noSequence;
  #lastFound = 0 as Handle;

  /** `isAsked` false: records are applied to it and nobody asks about an event, as for a snapshot, so that hardly any index is needed. */
  constructor(partition: PartitionId, { isAsked = true }: { readonly isAsked?: boolean } = {}) {
    this.partition = partition;
    this.finished = new FinishedEvents({ isAsked });
    this.#ids = new HandleTable({ isAsked });
    const { columns } = this;
    const tags = { tagHigh: (handle: Handle) => columns.tagHigh(handle), tagLow: (handle: Handle) => columns.tagLow(handle) };
    this.#keys = new KeyTable(tags, { isAsked });
  }

  /** Position of the newest record applied. */
  get lastSeq(): Sequence {
    return this.#lastSeq;
  }

  get pending(): number {
    return this.columns.size;
  }

  /** Pending events that can be found by a key. */
  get keyed(): number {
    return this.#keys.size;
  }

  /** The row of a pending event. */
  handleOf(id: EventId): Handle | null {
    const { columns } = this;
    // An event is looked for several times while one thing is decided about it, written and applied.
    const last = this.#lastFound;
    if (last < columns.rows && columns.isLive(last) && columns.hasId(last, id)) return last;
    const found = this.#ids.find(hashOfId(id), (handle) => columns.hasId(handle, id));
    if (found !== null) this.#lastFound = found;
    return found;
  }

  /** Something is about to be decided about the event in this row, which need not be looked for. */
  expect(handle: Handle): void {
    this.#lastFound = handle;
  }

  /** Rows of pending events with this tag. A tag is a hash: the texts decide. */
  tagged({ tagHigh, tagLow }: { tagHigh: number; tagLow: number }): Handle[] {
    return this.#keys.tagged({ tagHigh, tagLow });
  }

  /** False: certainly no event has this tag. Nothing is made for the answer: nearly every new event with a key hears it. */
  mayHaveKey(tag: { readonly tagHigh: number; readonly tagLow: number }): boolean {
    return this.#keys.has(tag) || this.finished.hasTag(tag) || this.finished.mayBeIndexedKey(tag);
  }

  /** Rows of pending events with this text in their key, whatever their source; null: so many that a scan is to find them. */
  withText(tagLow: number): Handle[] | null {
    return this.#keys.withText(tagLow);
  }

  /** The segments of the log, oldest first: before the first record is applied, or behind a snapshot. `filter` null: no index. */
  layOut(segments: readonly SegmentOutline[]): void {
    const { finished } = this;
    if (this.#lastSeq === noSequence && segments.length > 0) {
      finished.layOut(segments.map(({ first }) => ({ first, counts: [], labels: [] })));
      this.#lastSeq = (segments[0]!.first - 1) as Sequence;
    }
    for (const { first } of segments) finished.openPage(first);
    for (const { first, next, filter } of segments) {
      if (filter !== null && next !== null) finished.indexed({ first, next, filter: new SegmentFilter(filter) });
    }
    if (segments.length > 0) this.removeBefore(segments[0]!.first);
  }

  /** Segments before `first` are gone, and with them every finished event that was not carried forward. */
  removeBefore(first: Sequence): void {
    this.#count(this.finished.removeBefore(first), -1);
    this.aliases.removeBefore(first);
  }

  /** What it returns is about the record's event; meaningless for a record that is about none. */
  apply(record: StoredRecord): Applied {
    invariant(
      record.seq === this.#lastSeq + 1,
      () => `partition ${this.partition}: expected sequence ${this.#lastSeq + 1}, found ${record.seq}`,
    );
    const applied = this.#applied;
    if (record.kind === settingsKind) this.settings.apply(record);
    else if (record.kind === aliasKind) this.aliases.apply(record);
    else if (record.kind === carriedKind) this.#carry(record);
    else if (record.kind === recordKinds.accepted) this.#accept(record);
    else if (record.kind === recordKinds.retried) this.#retryBy(record);
    // What is left is about an event, or about nothing any more.
    else if (isAboutEvent(record)) this.#advance(record);
    this.#lastSeq = record.seq;
    return applied;
  }

  /**
   * As `apply` for the record under the cursor. Of a new event no record is made, nor of one that is put back: they come by the
   * thousand, also in a replay.
   */
  applyAt(cursor: RecordCursor): Applied {
    const { kind, prev, seq } = cursor;
    const isNew = kind === recordKinds.accepted && prev === noSequence;
    if (!(isNew || kind === recordKinds.retried) || seq !== this.#lastSeq + 1) return this.apply(cursor.toRecord());
    const { view, bodyAt, endAt } = cursor;
    const body = { start: bodyAt, length: endAt - bodyAt };
    const isReadable = isNew ? SpecHead.isReadableIn(view, body) : RenewalHead.isReadableIn(view, body);
    if (!isReadable) return this.apply(cursor.toRecord());
    const named = { seq, id: cursor.bytes, idAt: cursor.eventAt };
    if (isNew) {
      this.#head.inside(view, bodyAt);
      this.#enterNew(named, cursor.at);
    } else {
      const renewal = this.#renewal.inside(view, bodyAt);
      this.#head.inside(view, renewal.specAt);
      this.#retry(named, { event: cursor.event, prev, renewal });
    }
    this.#lastSeq = seq;
    return this.#applied;
  }

  /**
   * All records of an event so far, in the place of the record: an event that is known merely moves there. One that is not has
   * finished, or its first records were removed; then what the record stands for is applied.
   */
  #carry(record: CarriedRecord): void {
    const handle = this.handleOf(record.event);
    if (handle !== null) {
      invariant(
        this.columns.newestSeq(handle) === record.prev,
        () =>
          `partition ${this.partition}: carried record ${record.seq} stands for ${record.prev}, expected ${this.columns.newestSeq(handle)}`,
      );
      this.columns.move(handle, record.seq);
      return;
    }
    const hadFinished = this.#isCounted(record.prev);
    const records = recordsIn(record);
    const begin = Math.max(
      0,
      records.findLastIndex(({ kind }) => kind === recordKinds.retried),
    );
    for (const [place, each] of records.entries()) {
      if (place < begin) continue;
      if (place > begin) this.#advance(each);
      else if (each.kind === recordKinds.accepted) this.#accept(each);
      else this.#beginBy(each);
    }
    if (!hadFinished) return;
    // It is not finished twice. Its row is free by now, but still says what it was.
    const { status, handle: row } = this.#applied;
    const deliveryType = this.columns.deliveryType(row);
    const { source, type } = this.#labelsOf(row);
    this.finished.supersede(record.prev, { id: record.event, status, deliveryType, source, type });
    this.byStatus[status]--;
    this.byDeliveryType[deliveryType]--;
  }

  /** Whether an event that is not pending had finished with the record at `seq`, as far as is known here. */
  #isCounted(seq: Sequence): boolean {
    return !this.#headless.delete(seq) && seq >= this.finished.first;
  }

  /**
   * Whether the record belongs to an event whose beginning was removed. It is left out: behind it, all of that event is carried
   * forward, or it would not have been removed; `isWhole` says whether that has come.
   */
  #isHeadless({ seq, prev }: LogRecord): boolean {
    if (prev === noSequence || this.#isCounted(prev)) return false;
    this.#headless.add(seq);
    return true;
  }

  /** Every record so far belongs to an event that is known from its beginning. */
  get isWhole(): boolean {
    return this.#headless.size === 0;
  }

  #accept(record: LogRecord): void {
    invariant(record.prev === noSequence, () => `partition ${this.partition}: accepted record ${record.seq} has a predecessor`);
    this.#head.at(record.body);
    this.#enterNew({ seq: record.seq, id: record.event, idAt: 0 }, record.at);
  }

  /** Its spec is under the head. */
  #enterNew(named: NamedRecord, at: WallMs): void {
    const { scheduledAtMs, deliveryType } = this.#head;
    this.#enter(named, { version: 1, attempts: 0, dueAtMs: Math.max(scheduledAtMs, at) as WallMs });
    this.byDeliveryType[deliveryType]++;
  }

  #retryBy(record: LogRecord): void {
    const { seq, event, prev, body } = record;
    const renewal = decodeRenewal(body);
    this.#head.at(renewal.spec);
    this.#retry({ seq, id: event, idAt: 0 }, { event, prev, renewal });
  }

  /** A finished event is pending again. Its spec is under the head. */
  #retry(named: NamedRecord, { event, prev, renewal }: Pick<LogRecord, 'event' | 'prev'> & { readonly renewal: Begun }): void {
    const { partition, finished } = this;
    const { seq } = named;
    invariant(this.handleOf(event) === null, () => `partition ${partition}: record ${seq} retries a pending event`);
    invariant(
      (finished.seqOf(event) ?? prev) === prev,
      () => `partition ${partition}: record ${seq} follows ${prev}, expected ${finished.seqOf(event)}`,
    );
    const isCounted = this.#isCounted(prev);
    const { from } = renewal;
    const { deliveryType } = this.#head;
    this.#begin(named, renewal);
    if (!isCounted) return;
    this.byStatus[from]--;
    this.byDeliveryType[deliveryType]--;
    // A retry changes no label.
    const { source, type } = this.#labelsOf(this.#applied.handle);
    finished.supersede(prev, { id: event, status: from, deliveryType, source, type });
  }

  #beginBy({ seq, event, body }: LogRecord): void {
    const renewal = decodeRenewal(body);
    this.#head.at(renewal.spec);
    this.#begin({ seq, id: event, idAt: 0 }, renewal);
  }

  /** As if it were new, from the record alone. Its spec is under the head. */
  #begin(named: NamedRecord, renewal: Begun): void {
    move(renewal.from, 'SCHEDULED');
    this.#enter(named, renewal);
    this.byDeliveryType[this.#head.deliveryType]++;
  }

  /** A row for an event that is pending from now on. Its spec is under the head. */
  #enter({ seq, id, idAt }: NamedRecord, { version, attempts, dueAtMs }: Omit<Begun, 'from'>): void {
    const head = this.#head;
    const { tagHigh, tagLow } = head;
    const handle = this.columns.add({
      id,
      idAt,
      tagHigh,
      tagLow,
      seq,
      scheduledAtMs: head.scheduledAtMs,
      dueAtMs,
      expiresAtMs: head.expiresAtMs,
      origin: this.origins.enterFrom(head),
      labels: head.labels,
      maxRetries: head.maxRetries,
      priority: head.priority,
      deliveryType: head.deliveryType,
      version,
      attempts,
    });
    this.#ids.add(hashAt(id, idAt), handle);
    if (tagHigh !== 0 || tagLow !== 0) this.#keys.add(handle);
    this.byStatus.SCHEDULED++;
    this.labels.add(this.#labelsOf(handle), this.columns.tallyPlace(handle));
    this.#applied.handle = handle;
    this.#applied.status = 'SCHEDULED';
    this.#applied.version = version;
    this.#applied.attempts = attempts;
  }

  #advance(record: LogRecord): void {
    const to = stateBehind(record);
    const handle = this.handleOf(record.event);
    if (handle === null && this.#isHeadless(record)) return;
    invariant(handle !== null, () => `partition ${this.partition}: record ${record.seq} is about an event that is not pending`);
    const { columns } = this;
    invariant(
      columns.newestSeq(handle) === record.prev,
      () => `partition ${this.partition}: record ${record.seq} follows ${record.prev}, expected ${columns.newestSeq(handle)}`,
    );
    const from = columns.status(handle);
    const place = columns.tallyPlace(handle);
    const status = to === null ? from : move(from, to);
    columns.advance(handle, { status, seq: record.seq });
    if (status !== from) this.labels.move(this.#labelsOf(handle), { from: place, to: columns.tallyPlace(handle) });
    this.#take(handle, record, from);
    this.byStatus[from]--;
    this.byStatus[status]++;
    this.#applied.handle = handle;
    this.#applied.status = status;
    this.#applied.version = columns.version(handle);
    this.#applied.attempts = columns.attempts(handle);
    if (isFinished(status)) this.#finish(handle);
  }

  /** What a record says beside the state it leads to. */
  #take(handle: Handle, record: LogRecord, from: EventStatus): void {
    const { columns } = this;
    switch (record.kind) {
      case recordKinds.dispatched:
        columns.countAttempt(handle);
        break;
      case recordKinds.retrying:
        columns.setDueAtMs(handle, nextAttemptAtOf(record));
        break;
      case recordKinds.changed:
        expectStatus(record, { from, among: ['SCHEDULED', 'RETRYING'] });
        this.#change(handle, record);
        break;
      case recordKinds.hastened:
        expectStatus(record, { from, among: ['SCHEDULED', 'RETRYING'] });
        columns.setDueAtMs(handle, record.at);
        break;
      case recordKinds.retriesStopped:
        expectStatus(record, { from, among: ['DISPATCHED'] });
        columns.setMaxRetries(handle, 0);
        break;
      default:
    }
  }

  #change(handle: Handle, record: LogRecord): void {
    const { columns, origins, byDeliveryType } = this;
    const { dueAtMs, spec, version } = decodeRenewal(record.body);
    const head = this.#head.at(spec);
    invariant(
      version === columns.version(handle) && head.tagHigh === columns.tagHigh(handle) && head.tagLow === columns.tagLow(handle),
      () =>
        `partition ${this.partition}: record ${record.seq} is a change to version ${version}, expected ${columns.version(handle)}`,
    );
    const before = columns.origin(handle);
    byDeliveryType[columns.deliveryType(handle)]--;
    this.labels.remove(this.#labelsOf(handle), columns.tallyPlace(handle));
    columns.setBody(handle, {
      seq: record.seq,
      scheduledAtMs: head.scheduledAtMs,
      dueAtMs,
      expiresAtMs: head.expiresAtMs,
      origin: origins.enter(head.origin),
      labels: head.labels,
      maxRetries: head.maxRetries,
      priority: head.priority,
      deliveryType: head.deliveryType,
    });
    origins.leave(before);
    byDeliveryType[head.deliveryType]++;
    this.labels.add(this.#labelsOf(handle), columns.tallyPlace(handle));
  }

  /** Its row says how it ended. */
  #finish(handle: Handle): void {
    const { columns } = this;
    const { rows, at } = columns.span(handle)!;
    this.finished.add(rows, at);
    this.labels.remove(this.#labelsOf(handle), columns.tallyPlace(handle));
    this.#ids.remove(columns.idHash(handle), handle);
    if (rows.tagHigh[at] !== 0 || rows.tagLow[at] !== 0) this.#keys.remove(handle);
    this.origins.leave(columns.origin(handle));
    columns.free(handle);
  }

  #labelsOf(handle: Handle): LabelPair {
    return { source: this.columns.source(handle), type: this.columns.type(handle) };
  }

  // ---- snapshots (snapshot.ts) ----

  /**
   * Begins where a snapshot ends, before anything was applied. Rows follow by `restoreRows`, finals by `finished.restore`.
   */
  beginAt(seq: Sequence, { pages, pending, keyed }: Beginning): void {
    invariant(
      this.#lastSeq === noSequence && this.columns.rows === 0,
      () => `partition ${this.partition}: a snapshot comes too late`,
    );
    this.#lastSeq = seq;
    this.#ids.expect(pending);
    this.#keys.expect(keyed);
    this.finished.layOut(pages);
    this.#count(this.finished.counts, 1);
  }

  /** Rows as `columns.gather` laid them out, with numbers of origins as they are here. */
  restoreRows(bytes: Uint8Array): void {
    const { columns } = this;
    const { first, rows } = columns.scatter(bytes);
    for (let handle = first; handle < first + rows; handle++) {
      this.#ids.add(columns.idHash(handle), handle);
      if (columns.tagLow(handle) !== 0 || columns.tagHigh(handle) !== 0) this.#keys.add(handle);
      this.origins.enterAgain(columns.origin(handle));
    }
    this.#countRows(first, first + rows);
  }

  #countRows(from: number, end: number): void {
    const { columns, labels } = this;
    const counts = new Int32Array(eventStatuses.length + deliveryTypes.length);
    for (let row = from; row < end; ) {
      const span = columns.span(row)!;
      const { source, type, status, deliveryType } = span.rows;
      const spanEnd = Math.min(span.end, span.at + end - row);
      for (let at = span.at; at < spanEnd; at++) {
        const [place, kind] = [status[at]!, deliveryType[at]!];
        counts[place]!++;
        counts[eventStatuses.length + kind]!++;
        labels.addEvent(source[at]!, type[at]!, tallyPlace(place, kind));
      }
      row += spanEnd - span.at;
    }
    this.#count(counts, 1);
  }

  /** Segments may have been removed since, and what they held of them. */
  restoreAliases(rows: Iterable<KeptAlias>): void {
    this.aliases.restore(rows);
    this.aliases.removeBefore(this.finished.first);
  }

  #count(counts: ArrayLike<number>, times: 1 | -1): void {
    for (const [place, status] of eventStatuses.entries()) this.byStatus[status] += times * counts[place]!;
    for (const [place, type] of deliveryTypes.entries()) {
      this.byDeliveryType[type] += times * counts[eventStatuses.length + place]!;
    }
  }
}

/** These keep the state, so the table of moves does not see them. */
function expectStatus({ seq, kind }: LogRecord, { from, among }: { from: EventStatus; among: readonly EventStatus[] }): void {
  invariant(among.includes(from), () => `record ${seq} of kind ${kind} is about an event that is ${from}`);
}

function nextAttemptAtOf(record: LogRecord): WallMs {
  const { nextAttemptAtMs } = decodeOutcome(record.body);
  invariant(nextAttemptAtMs !== null, () => `retrying record ${record.seq} without a next attempt`);
  return nextAttemptAtMs;
}

function countsOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
