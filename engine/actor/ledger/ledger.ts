/**
 * What was decided becomes records: true at once, written at the end of the turn, and heard of when they are durable.
 *
 *     write(record) --> apply --> batch --flush--> log writer --durableUpTo--> consequences, status changes
 *
 * A consequence is whatever must not happen before its records are on disk: an answer, arming an event, a read for an answer.
 * One that needs no record of its own (a GET, a 409) still waits for everything decided before it, because that is what it
 * tells of. Consequences happen in the order in which they were decided, or are voided when the log did not take them.
 */
import {
  type AliasRecord,
  type CarriedRecord,
  isOutcome,
  type LogRecord,
  recordKinds,
  type SettingsRecord,
} from '../../event/record.js';
import { specIn } from '../../event/renewal-codec.js';
import { isFinished } from '../../event/status.js';
import type { Handle, MonoMs, Sequence } from '../../kernel/brand.js';
import type { ErrorCode } from '../../kernel/errors.js';
import { RecordBatchBuilder, type RecordCursor, type RecordSpan } from '../../log/record-batch.js';
import type { Command, Request } from '../../partition/command.js';
import { decide } from '../../partition/decide.js';
import { labelsOf } from '../../event/status-change.js';
import { ChangeFeed } from './change-feed.js';
import type { HostShared } from '../host-shared.js';
import { isFlow } from './label-flows.js';
import { Outbox } from './outbox.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Payloads } from '../payloads.js';

/** Records that nobody waits for are handed to the log writer when somebody waits for what is behind them, when there are so many of a partition, ... */
const gatheredRecordsMax = 2_048;
/**
 * ... or so long after the first of them. Of an event on time they are two, that an attempt has begun and how it ended. Each message to the
 * log writer wakes it up, and is a commit where little else is going on; so the two leave together, and with what is accepted meanwhile. A crash
 * in between repeats what it would also repeat if it came a moment before the commit.
 */
const gatheredMsMax = 2;
/**
 * While a bulk change goes on. A commit of the eighty records of one turn is its own cost for the most part: all the events on time beside a
 * bulk change stood behind it at the disk.
 */
const manyGatheredMsMax = 20;
/** What a timer can wait for. The thread would nap less than that away, turn after turn. */
const flushInMsMin = 2;

/** Why what was decided is void. */
export interface Loss {
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface Consequence {
  /** Everything up to `decidedAt`, the position at which it was decided, is durable. */
  happen(decidedAt: Sequence): void;
  voided(loss: Loss): void;
}

export class Ledger {
  readonly #memory: PartitionMemory;
  readonly #shared: HostShared;
  readonly #payloads: Payloads;
  readonly #batch = new RecordBatchBuilder();
  readonly #outbox = new Outbox<Consequence>();
  readonly #feed: ChangeFeed;
  /** Somebody waits for what is in the batch. */
  #isAwaited = false;
  /** Until when what is in the batch may be gathered; null: no turn has left anything in it. */
  #gatheredUntil: MonoMs | null = null;
  #durable: Sequence;

  constructor({ memory, shared, payloads }: { memory: PartitionMemory; shared: HostShared; payloads: Payloads }) {
    const { partition } = memory.state;
    this.#memory = memory;
    this.#shared = shared;
    this.#payloads = payloads;
    this.#feed = new ChangeFeed({
      partition,
      reads: shared.reads,
      out: (change) => shared.ports.change(change),
      leftToLog: (upTo) => shared.watchFrom(partition, upTo),
    });
    this.#durable = memory.state.lastSeq;
  }

  /** Everything up to here is on disk. */
  get durable(): Sequence {
    return this.#durable;
  }

  /** Records that are decided and not durable. */
  get unsynced(): number {
    return this.#memory.state.lastSeq - this.#durable;
  }

  /** Nothing waits for the disk. */
  get isSettled(): boolean {
    return this.unsynced === 0 && this.#outbox.size === 0;
  }

  /**
   * Decides what nobody waits for: a tick, a granted slot, an outcome. Returns what has become true. What has to wait until it is durable, the
   * next attempt after one that failed, is held behind it.
   */
  happened(command: Exclude<Command, Request>): readonly LogRecord[] {
    const { records } = decide(this.#memory.state, command, { now: this.#shared.ports.clock.wallMs(), facts: null });
    for (const record of records) this.writeOfMany(record);
    return records;
  }

  /** The record becomes true. Returns the row, which is free again when the event has finished. */
  write(record: LogRecord): Handle {
    this.#isAwaited = true;
    return this.writeOfMany(record);
  }

  /** The same for what nobody waits for alone, as of very many: they may be gathered over several turns (`flush`). */
  writeOfMany(record: LogRecord): Handle {
    const { state, places, running } = this.#memory;
    const { handle, status, version, attempts } = state.apply(record);
    const bodySeq = state.columns.bodySeq(handle);
    this.#batch.append(record);
    this.#shared.counters.recorded(record.kind);
    if (status === 'DEAD') this.holdOfMany({ happen: () => this.#shared.counters.dead++, voided: () => undefined });
    // The row of an event that has just finished still says what it was.
    if (isFlow(record.kind))
      this.#shared.flows.recorded(record.kind, state.columns.labels(handle), this.#shared.ports.clock.monoMs());
    if (this.#shared.isWatched()) {
      const spec = specIn(record);
      const labels = spec === null ? (running.get(handle)?.labels ?? null) : labelsOf(spec);
      this.#feed.add(record, { status, version, attempts, labels, bodySeq });
    }
    if (isOutcome(record.kind)) running.delete(handle);
    if (status !== 'DISPATCHED') places.decide(handle);
    // What is kept is the body of before, if any.
    if (isFinished(status) || bodySeq === record.seq) this.#payloads.drop(handle);
    return handle;
  }

  /** The same for the new event under the cursor; its bytes follow with `append`. */
  enter(cursor: RecordCursor, now: MonoMs): Handle {
    const handle = this.enterAgain(cursor);
    this.#shared.flows.recorded(recordKinds.accepted, this.#memory.state.columns.labels(handle), now);
    this.#shared.counters.accepted++;
    return handle;
  }

  /** The same for an event that was finished and is pending again. */
  enterAgain(cursor: RecordCursor): Handle {
    const { state, places } = this.#memory;
    const { handle, status, version, attempts } = state.applyAt(cursor);
    if (this.#shared.isWatched()) {
      const record = { ...cursor.toRecord(), event: cursor.event.slice() } as LogRecord;
      this.#feed.add(record, { status, version, attempts, labels: labelsOf(specIn(record)!), bodySeq: record.seq });
    }
    places.decide(handle);
    return handle;
  }

  /** Records that were entered one behind the other, in the bytes in which they lie. */
  append(bytes: Uint8Array, span: RecordSpan): void {
    this.#batch.appendSpan(bytes, span);
    this.#shared.counters.records += span.count;
  }

  /** The same for a record that is no change of an event. */
  writeAside(record: SettingsRecord | AliasRecord | CarriedRecord): void {
    this.#isAwaited = true;
    this.#memory.state.apply(record);
    this.#batch.append(record);
    this.#shared.counters.records++;
  }

  /** A question to the reader about a record, which it sees when that is durable: mostly at once. It is void with the memory it is about. */
  whenReadable(seq: Sequence, ask: () => void): void {
    if (seq <= this.#durable) ask();
    else this.hold({ happen: ask, voided: () => undefined });
  }

  /** When everything decided so far is durable; at once if it is. */
  hold(consequence: Consequence): void {
    this.#isAwaited = true;
    this.holdOfMany(consequence);
  }

  /** The same for what nobody waits for alone. */
  holdOfMany(consequence: Consequence): void {
    const { lastSeq } = this.#memory.state;
    if (this.isSettled) consequence.happen(lastSeq);
    else this.#outbox.hold(lastSeq, consequence);
  }

  durableUpTo(seq: Sequence): void {
    if (seq <= this.#durable) return;
    this.#durable = seq;
    this.#outbox.release(seq, (consequence, decidedAt) => consequence.happen(decidedAt));
    this.#feed.release(seq);
  }

  /** The log did not take what is not durable yet. */
  voidRest(loss: Loss): void {
    this.#batch.take();
    this.#gatheredUntil = null;
    this.#feed.clear();
    for (const consequence of this.#outbox.discard()) consequence.voided(loss);
  }

  /** Watching begins or ends: what was decided before is nobody's news. */
  forgetChanges(): void {
    this.#feed.clear();
  }

  /**
   * End of a turn. What nobody waits for alone may be gathered; `flushInMs` says how long. `changesMany`: a bulk change goes on. `isEnding`: nothing
   * new begins here, and the end waits for what has.
   */
  flush({ changesMany, isEnding }: { readonly changesMany: boolean; readonly isEnding: boolean }): void {
    if (this.#batch.count === 0 || (!isEnding && this.#isGathering(changesMany))) return;
    this.#isAwaited = false;
    this.#gatheredUntil = null;
    this.#shared.ports.toWriter({ op: 'append', partition: this.#memory.state.partition, batch: this.#batch.take() });
  }

  /** Behind `flush`: when it wants to be called though no message comes; null: nothing has been gathered. */
  get flushInMs(): number | null {
    return this.#gatheredUntil === null ? null : Math.max(flushInMsMin, this.#gatheredUntil - this.#shared.ports.clock.monoMs());
  }

  #isGathering(changesMany: boolean): boolean {
    if (this.#isAwaited || this.#batch.count >= gatheredRecordsMax) return false;
    const now = this.#shared.ports.clock.monoMs();
    this.#gatheredUntil ??= (now + (changesMany ? manyGatheredMsMax : gatheredMsMax)) as MonoMs;
    return now < this.#gatheredUntil;
  }
}
