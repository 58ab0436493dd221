/**
 * Retention of one partition: when its oldest segment has outlived its time, what must stay is carried forward, then the
 * segment goes. One step at a time, and every step is small:
 *
 *     resting --oldest segment is outdated--> carrying --nothing left--> aliasing --> syncing --durable--> settling --nobody reads it--> removing --> resting
 *
 * resting   Asks now and then whether the oldest segment is old enough (`log/reading/retirement.ts` says when).
 * carrying  Goes through the events that were not over at its end, a page at a time: those that are pending, and those that
 *           have finished since, are read, and written once more as a `carried` record. An attempt that runs, or an event that
 *           is about to be due, is left for a later round; nothing waits for this.
 * aliasing  Other ids of events that stay are written once more, a part in each turn.
 * syncing   What was carried is on its way to the disk.
 * settling  Rows are looked through, a part in each turn, whether one still needs what goes. Requests that wait for facts, and bulk changes, may still name
 *           records of the segment; when none is left, every read that could name one is in the reader's queue, before the removal.
 * removing  The reader removes the segment.
 *
 * A crash at any point loses nothing: until the removal everything is there twice, and the next start begins anew.
 */
import type { MonoMs, PartitionId, Sequence, WallMs } from '../../kernel/brand.js';
import { type EventId, eventIdBytes, formatEventId } from '../../kernel/event-id.js';
import { encodeAlias } from '../../event/alias-codec.js';
import { aliasKind, type AliasRecord, noEvent, type SettingsRecord, settingsKind } from '../../event/record.js';
import { encodeSettings } from '../../event/settings-codec.js';
import { noSequence, type Handle } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import type { KeptAlias } from '../../partition/aliases.js';
import { decideCarry } from '../../partition/carry.js';
import type { Bundle, BundleQuestion, ReaderReply } from '../../log/protocol.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Timekeeper } from '../firing/timekeeper.js';

/** Events of one page: at most so many records in one go. */
const pageEvents = 256;
/** An event that is due within this time is left alone: it will have finished, or moved on, in the next round. */
const soonMs = 2_000;
/** Rows looked at in one turn: about 0.2 ms. */
const rowsPerTurn = 16_384;
/** Between two looks at the oldest segment: a small part of the retention, within bounds. */
const lookShare = 1 / 50;
const lookMsMin = 100;
const lookMsMax = 60_000;
/** Before a round is begun again because some events were left out, or a read failed. */
const againMs = 1_000;

export interface RetentionParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
  /** Somebody may yet ask for records of what goes. */
  isRead(): boolean;
  /** A bulk change has found events where they stand. */
  changesMany(): boolean;
  /** What was before `first` is gone. */
  removed(first: Sequence): void;
}

type Step = 'resting' | 'asking' | 'carrying' | 'aliasing' | 'syncing' | 'settling' | 'removing';

interface Segment {
  readonly first: Sequence;
  readonly next: Sequence;
}

const beforeAll: EventId = new Uint8Array(eventIdBytes);

export class Retention {
  readonly #parts: RetentionParts;
  readonly #memory: PartitionMemory;
  #step: Step = 'resting';
  #segment: Segment | null = null;
  /** The last event of the page before. */
  #after = beforeAll;
  /** Events of this page that have yet to be read. */
  #page: EventId[] = [];
  /** Aliases that may have to be carried. */
  #aliases: Iterator<KeptAlias> | null = null;
  /** Some were left for the next round. */
  #isIncomplete = false;
  #notBeforeMs = 0 as MonoMs;
  #checkedRows = 0;
  /** Finals in the segment that had been superseded when the round began. */
  #superseded = 0;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    // A start has other things to do.
    this.#rest(this.#lookMs);
  }

  /** Called every turn; does something only now and then. */
  turn(): void {
    const { shared, isRead } = this.#parts;
    if (this.#step === 'aliasing') this.#carryAliases();
    if (this.#step === 'settling' && this.#isEveryRowChecked() && !isRead()) this.#removeOrGoOn();
    if (this.#step !== 'resting' || shared.ports.clock.monoMs() < this.#notBeforeMs || shared.space() === 'stop') return;
    if (this.#segment !== null) this.#nextPage(beforeAll);
    else this.#look();
  }

  #look(): void {
    const { shared } = this.#parts;
    this.#step = 'asking';
    const endedBefore = (shared.ports.clock.wallMs() - shared.retentionMs) as WallMs;
    this.#ask({ op: 'outdated', partition: this.#partition, endedBefore }, (reply) => {
      if (reply.op !== 'outdated') throw new InvariantError(`a look at the oldest segment was answered with ${reply.op}`);
      this.#segment = reply.segment;
      if (reply.segment === null) this.#rest(this.#lookMs);
      else this.#nextPage(beforeAll);
    });
  }

  #nextPage(after: EventId): void {
    this.#step = 'carrying';
    const { first, next } = this.#segment!;
    if (after === beforeAll) {
      this.#isIncomplete = false;
      this.#superseded = this.#memory.state.finished.supersededBefore(next);
    }
    this.#ask({ op: 'not-over', partition: this.#partition, first, after, limit: pageEvents }, (reply) => {
      if (reply.op !== 'not-over') throw new InvariantError(`a page of events was answered with ${reply.op}`);
      const last = reply.events.at(-1);
      if (last === undefined) {
        this.#finishRound();
        return;
      }
      this.#after = last;
      this.#page = [...reply.events];
      this.#readPage();
    });
  }

  /** What of the page may be carried now is read; the reader answers as much as is good for it. */
  #readPage(): void {
    const events: BundleQuestion[] = [];
    for (const event of this.#page) {
      const newest = this.#newestOf(event);
      if (newest === 'over') continue;
      if (newest === 'later') this.#isIncomplete = true;
      else events.push({ event, newest });
    }
    if (events.length === 0) {
      this.#nextPage(this.#after);
      return;
    }
    this.#ask({ op: 'bundle', partition: this.#partition, events, before: this.#segment!.next }, (reply) => {
      if (reply.op !== 'bundles') throw new InvariantError(`events to be carried forward were answered with ${reply.op}`);
      for (const bundle of reply.bundles) if (bundle !== null) this.#carry(bundle);
      this.#page = events.slice(reply.bundles.length).map(({ event }) => event);
      if (this.#page.length > 0) this.#readPage();
      else this.#nextPage(this.#after);
    });
  }

  /** Of an event that only an index knows: null. `later`: it must not be touched now. `over`: it ended in the segment. */
  #newestOf(event: EventId): Sequence | null | 'later' | 'over' {
    const { state } = this.#memory;
    const handle = state.handleOf(event);
    if (handle === null) {
      const newest = state.finished.seqOf(event);
      if (newest === null) return state.finished.mayBeIndexedSince(this.#segment!.next, event) ? null : 'over';
      if (newest < this.#segment!.next) return 'over';
      return newest <= this.#parts.ledger.durable ? newest : 'later';
    }
    const newest = state.columns.newestSeq(handle);
    return this.#isAtRest(handle) && newest <= this.#parts.ledger.durable ? newest : 'later';
  }

  /** Its place in wheel and queues can be given up for as long as a commit takes. */
  #isAtRest(handle: Handle): boolean {
    const place = this.#memory.places.of(handle);
    if (place === 'waiting' || place === 'overdue') return true;
    return place === 'armed' && this.#memory.state.columns.dueAtMs(handle) > this.#parts.shared.ports.clock.wallMs() + soonMs;
  }

  /** The body is at its new place when that is durable; until then nothing may start, or it would be read where it is not yet. */
  #carry(bundle: Bundle): void {
    const { ledger, timekeeper, shared } = this.#parts;
    const { state } = this.#memory;
    const handle = state.handleOf(bundle.event);
    const isFound = this.#parts.changesMany();
    if (isFound || (handle !== null && !this.#isAtRest(handle))) {
      this.#isIncomplete = true;
      return;
    }
    const record = decideCarry(state, bundle, shared.ports.clock.wallMs());
    if (record === null) {
      this.#isIncomplete = true;
      return;
    }
    if (handle !== null) timekeeper.withdraw(handle);
    ledger.writeAside(record);
    if (handle === null) return;
    ledger.hold({ happen: (decidedAt) => timekeeper.armIfUnchanged(handle, decidedAt), voided: () => undefined });
  }

  #finishRound(): void {
    if (this.#isIncomplete) {
      this.#rest(againMs);
      return;
    }
    this.#carrySettings();
    this.#step = 'aliasing';
    this.#aliases = this.#memory.state.aliases.rows();
    this.#carryAliases();
  }

  /** Those that were carried stand at the end, behind all that go. */
  #carryAliases(): void {
    for (let left = pageEvents; left > 0; left--) {
      const { done, value } = this.#aliases!.next();
      if (done === true || value.seq >= this.#segment!.next) {
        this.#sync();
        return;
      }
      if (this.#stays(value.event)) this.#writeAside(aliasKind, encodeAlias(value));
    }
  }

  /** The event is pending, or has ended behind the segment. */
  #stays(event: EventId): boolean {
    const { state } = this.#memory;
    const { next } = this.#segment!;
    if (state.handleOf(event) !== null || state.finished.mayBeIndexedSince(next, event)) return true;
    const finished = state.finished.seqOf(event);
    return finished !== null && finished >= next;
  }

  #sync(): void {
    this.#aliases = null;
    this.#step = 'syncing';
    this.#checkedRows = 0;
    // Whatever was decided before has then been heard of, or asked for.
    this.#parts.ledger.hold({
      happen: () => {
        this.#step = 'settling';
      },
      voided: () => undefined,
    });
  }

  /** What is set for an origin is a record of its own. */
  #carrySettings(): void {
    for (const row of this.#memory.state.settings.rows()) {
      if (row.seq < this.#segment!.next) this.#writeAside(settingsKind, encodeSettings(row));
    }
  }

  #writeAside(kind: typeof settingsKind | typeof aliasKind, body: Uint8Array): void {
    const { ledger, shared } = this.#parts;
    const seq = (this.#memory.state.lastSeq + 1) as Sequence;
    const at = Math.floor(shared.ports.clock.wallMs()) as WallMs;
    ledger.writeAside({ seq, kind, event: noEvent, prev: noSequence, at, body } as SettingsRecord | AliasRecord);
  }

  /** What had ended in the segment and was put back since the round began has to be carried as well. */
  #removeOrGoOn(): void {
    if (this.#memory.state.finished.supersededBefore(this.#segment!.next) === this.#superseded) this.#remove();
    else this.#rest(againMs);
  }

  #remove(): void {
    const { next } = this.#segment!;
    this.#step = 'removing';
    this.#ask({ op: 'remove', partition: this.#partition, first: next }, () => {
      this.#memory.state.removeBefore(next);
      this.#parts.removed(next);
      this.#segment = null;
      this.#rest(0);
    });
  }

  /** Not believed but checked: no event that is pending has its body in what goes. A row that has been looked at stays so. */
  #isEveryRowChecked(): boolean {
    const { columns, partition } = this.#memory.state;
    const { next } = this.#segment!;
    const end = Math.min(columns.rows, this.#checkedRows + rowsPerTurn);
    for (; this.#checkedRows < end; this.#checkedRows++) {
      const handle = this.#checkedRows as Handle;
      if (!columns.isLive(handle) || columns.bodySeq(handle) >= next) continue;
      throw new InvariantError(
        `partition ${partition}: sequence ${columns.bodySeq(handle)} of pending event ${formatEventId(columns.id(handle))} would be removed`,
      );
    }
    return this.#checkedRows >= columns.rows;
  }

  /** Something to do without another message. */
  get hasWork(): boolean {
    if (this.#step === 'aliasing') return true;
    return this.#step === 'settling' && this.#checkedRows < this.#memory.state.columns.rows;
  }

  #rest(waitMs: number): void {
    this.#step = 'resting';
    this.#notBeforeMs = (this.#parts.shared.ports.clock.monoMs() + waitMs) as MonoMs;
  }

  /** A read that fails is tried again later; somebody must hear of it. */
  #ask(question: Parameters<HostShared['reads']['ask']>[0], then: (reply: ReaderReply) => void): void {
    const { shared } = this.#parts;
    shared.reads.ask(question, (reply) => {
      if (this.#memory.isDiscarded) return;
      if (reply.op !== 'failed') {
        then(reply);
        return;
      }
      shared.ports.notify({ op: 'retention-stuck', partition: this.#partition, detail: reply.detail });
      this.#rest(lookMsMax);
    });
  }

  get #lookMs(): number {
    return Math.min(lookMsMax, Math.max(lookMsMin, this.#parts.shared.retentionMs * lookShare));
  }

  get #partition(): PartitionId {
    return this.#memory.state.partition;
  }
}
