/**
 * What a node has to do with the journal of one partition: nothing, follow it, or own it.
 *
 *     idle --follow--> following --own--> claiming --`open` is the newest entry--> owning --release, drop, fenced--> idle
 *
 * idle       Files closed.
 * following  The copy is kept as the journal goes on, entry by entry, each compared by its chain value.
 * claiming   What the journal has is taken in, read from its leader. Then the opening entry, fenced: has the owner before written something
 *            meanwhile, it is tried again behind that. From `open` on nothing of it is accepted any more, and what it had written until then
 *            is taken in.
 * owning     What the host decides becomes entries, one under way at a time. Stored means durable: then it goes into the copy, and the host
 *            hears of it. So the copy is never ahead of the journal.
 *
 * *Retention and segments.* Segments begin at the same position everywhere, since the owner says so in an entry, and a floor tells the others what
 * is no longer needed.
 *
 * *A journal that has lost its tail* (an older copy of it was restored): what only the copy has is written again by whoever owns the
 * partition. Where the journal goes on differently the copy is set aside. Both are told (`regressed`).
 *
 * Invariants: nothing is appended to the copy that is not in the journal; no entry is taken whose records do not continue the chain; what an
 * `await` brings after the mode has changed has no effect.
 *
 * Knows neither threads nor ports nor timers: `replica-thread.ts` has those. Owned by its thread.
 */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { Clock } from '../kernel/clock.js';
import { InvariantError } from '../kernel/errors.js';
import { DamageError } from '../log/damage.js';
import type { LogPosition } from '../log/mark.js';
import type { LogReply, ReplicaReply } from '../log/protocol.js';
import { chainThrough, EntryQueue, withoutUpTo } from './entry-queue.js';
import { bareEntry, type Entry, hasRecords, type StoredEntry } from './journal-entry.js';
import { findPlace } from './journal-place.js';
import { CopyFault, type LocalCopy } from './local-copy.js';
import type { PartitionJournal } from './partition-journal.js';
import { Abandoned, JournalRefused } from './persistence.js';

type Mode = 'idle' | 'following' | 'claiming' | 'owning';

export interface ReplicaParts {
  readonly partition: PartitionId;
  readonly copy: LocalCopy;
  readonly journal: Pick<PartitionJournal, 'newest' | 'from' | 'publish' | 'follow'>;
  readonly clock: Clock;
  reply(reply: ReplicaReply | Extract<LogReply, { op: 'durable' }>): void;
  /** A bug: the thread is to end. */
  broke(error: unknown): void;
}

/** The mode is another one than when it was waited. */
class Superseded extends Error {}
/** The journal goes on differently than the copy does. */
class Apart extends Error {}
/** An entry does not follow the one before. */
class Gap extends DamageError {}

export class Replica {
  readonly #parts: ReplicaParts;
  readonly #copy: LocalCopy;
  #mode: Mode = 'idle';
  /** Counts changes of mode: what was begun in an earlier one is void. */
  #era = 0;
  #epoch = 0;
  /** The newest entry that is in the copy; null: to be looked for. */
  #place: number | null = null;
  #endFollowing: () => void = () => undefined;
  /** Entries behind, as far as is known; what the host was told last. */
  #lag = 0;
  #toldLag: number | null = null;
  readonly #queue = new EntryQueue();
  #isPublishing = false;
  /** To be written by the owner as soon as the entry before is stored. */
  #dueFloor: Sequence | null = null;
  #isSealDue = false;
  #isReleaseDue = false;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.#copy = parts.copy;
  }

  get mode(): Mode {
    return this.#mode;
  }

  // ---- what it is told ----

  follow(on: boolean): void {
    if (on && this.#mode === 'idle') this.#begin('following', () => this.#follow());
    else if (!on && this.#mode === 'following') this.drop();
  }

  own(epoch: number): void {
    this.#epoch = epoch;
    this.#begin('claiming', () => this.#claim());
  }

  append(batch: Uint8Array): void {
    // Whoever sends it has yet to hear that it is no longer the owner.
    if (this.#mode !== 'owning') return;
    this.#queue.push(batch);
    this.#write();
  }

  /** The host has replayed the copy up to `after`. */
  reopen(after: Sequence): void {
    if (this.#mode === 'owning') this.#run(async () => this.#copy.reopen(after));
  }

  floor(first: Sequence): void {
    if (this.#mode !== 'owning') return;
    this.#dueFloor = first;
    this.#write();
  }

  release(): void {
    if (this.#mode === 'owning') {
      this.#isReleaseDue = true;
      this.#write();
    } else if (this.#mode === 'claiming') {
      this.drop();
      this.#parts.reply({ op: 'released', partition: this.#parts.partition, epoch: this.#epoch });
    }
  }

  drop(): void {
    this.#enter('idle');
    this.#copy.close();
  }

  /** The connection is back: the stream may be another one than before, or have lost its tail. */
  reconnected(): void {
    if (this.#mode === 'following') this.#begin('following', () => this.#follow());
  }

  /** About once a second. */
  tick(): void {
    if (this.#mode === 'following' && (this.#lag > 0 || this.#lag !== this.#toldLag)) this.#tellLag();
    if (this.#mode !== 'owning' || this.#isSealDue || !this.#copy.wantsSeal) return;
    this.#isSealDue = true;
    this.#write();
  }

  // ---- following ----

  async #follow(): Promise<void> {
    await this.#attach();
    await this.#takeAll();
    this.#tellLag();
    const era = this.#era;
    const carefully = (work: () => void) => {
      if (era !== this.#era) return;
      try {
        work();
      } catch (error) {
        this.#failed(error);
      }
    };
    this.#endFollowing = this.#parts.journal.follow(
      this.#place!,
      (entry, left) =>
        carefully(() => {
          this.#take(entry);
          this.#lag = left;
          if (left === 0 && this.#toldLag !== 0) this.#tellLag();
        }),
      (error) =>
        carefully(() => {
          throw error;
        }),
    );
  }

  #tellLag(): void {
    this.#toldLag = this.#lag;
    this.#parts.reply({ op: 'following', partition: this.#parts.partition, lag: this.#lag, last: this.#copy.last.seq });
  }

  // ---- claiming ----

  async #claim(): Promise<void> {
    await this.#attach();
    const opened = await this.#open(await this.#takeAll());
    if (opened === null) return;
    // Nothing can come before it any more.
    await this.#takeUpTo(opened);
    if (this.#copy.last.seq > opened.last) await this.#writeAgain({ seq: opened.last, chain: opened.chain });
    this.#mode = 'owning';
    this.#parts.reply({ op: 'owned', partition: this.#parts.partition, epoch: this.#epoch });
  }

  /** Does not wait until the copy has everything: an owner before that writes on and on would always be a step ahead. Null: somebody else was faster. */
  async #open(newest: StoredEntry | null): Promise<StoredEntry | null> {
    for (let before = newest; ; ) {
      if (before !== null && before.epoch > this.#epoch) {
        this.#lose(`epoch ${before.epoch} has opened the journal before epoch ${this.#epoch} could`);
        return null;
      }
      const position = before === null ? this.#copy.beginning : { seq: before.last, chain: before.chain };
      // A journal that is empty and a copy that is not: it begins where retention has left off.
      const floor = before === null && position.seq > 0 ? ((position.seq + 1) as Sequence) : null;
      const entry = bareEntry('open', { epoch: this.#epoch, position, floor });
      const result = await this.#still(this.#parts.journal.publish(entry, before?.place ?? 0));
      if (result.kind === 'stored') return { ...entry, place: result.place };
      before = result.newest;
    }
  }

  /** What the journal has lost. */
  async #writeAgain(common: LogPosition): Promise<void> {
    const { partition, reply } = this.#parts;
    const { last } = this.#copy;
    const queue = new EntryQueue();
    let position = common;
    for (const { batch, segment } of this.#copy.batchesAfter(common)) {
      queue.push(batch);
      let begun = segment;
      for (let bunch = queue.next(position); bunch !== null; bunch = queue.next(position)) {
        const entry: Entry = { kind: 'records', epoch: this.#epoch, ...bunch, segment: begun, floor: null };
        if (!(await this.#publish(entry))) throw new Apart('somebody has opened the journal while its tail was written again');
        position = { seq: bunch.last, chain: bunch.chain };
        begun = null;
      }
    }
    const detail = `the journal ended at sequence ${common.seq}, this node had records up to ${last.seq}, which have been written again`;
    reply({ op: 'regressed', partition, detail });
  }

  // ---- owning ----

  /** Writes what is due, one entry behind the other. */
  #write(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    this.#run(async () => {
      for (let entry = this.#nextEntry(); entry !== null; entry = this.#nextEntry()) {
        const beganMs = this.#parts.clock.monoMs();
        if (!(await this.#publish(entry))) {
          this.#lose('somebody else has opened the journal');
          return;
        }
        this.#stored(entry, beganMs);
        if (entry.kind === 'release') return;
      }
      this.#isPublishing = false;
    });
  }

  #nextEntry(): Entry | null {
    const epoch = this.#epoch;
    const position = this.#copy.last;
    if (this.#dueFloor !== null) {
      const floor = this.#dueFloor;
      this.#dueFloor = null;
      return bareEntry('floor', { epoch, position, floor });
    }
    const segment = this.#isSealDue ? this.#parts.clock.wallMs() : null;
    this.#isSealDue = false;
    const bunch = this.#queue.next(position);
    if (bunch !== null) return { kind: 'records', epoch, ...bunch, segment, floor: null };
    if (segment !== null) return bareEntry('records', { epoch, position, segment });
    return this.#isReleaseDue ? bareEntry('release', { epoch, position }) : null;
  }

  #stored(entry: Entry, beganMs: number): void {
    const { partition, reply, clock } = this.#parts;
    if (entry.segment !== null) this.#copy.seal(entry.segment);
    if (hasRecords(entry)) {
      this.#copy.append(entry.body as Uint8Array<ArrayBuffer>);
      reply({ op: 'durable', partition, seq: entry.last, commitMs: clock.monoMs() - beganMs });
    }
    if (entry.kind !== 'release') return;
    this.drop();
    reply({ op: 'released', partition, epoch: this.#epoch });
  }

  // ---- both ----

  /** Finds where the copy ends in the journal. */
  async #attach(): Promise<void> {
    const { journal, partition, reply, clock } = this.#parts;
    this.#copy.open();
    const found = await this.#still(
      findPlace({
        newest: () => journal.newest(),
        from: (place) => journal.from(place),
        last: this.#copy.last,
        chainAt: (seq) => this.#copy.chainAt(seq),
        hint: this.#place,
      }),
    );
    switch (found.kind) {
      case 'at':
      case 'ahead':
        this.#place = found.place;
        return;
      case 'apart': {
        const aside = this.#copy.setAside(clock.wallMs());
        this.#place = null;
        reply({ op: 'regressed', partition, detail: `${found.detail}; the copy is now in ${aside}, and is made anew` });
        return this.#attach();
      }
      case 'behind':
        throw new Gap(
          'broken',
          `partition ${partition}: the journal begins with sequence ${found.first}, and this node's copy ends at ${this.#copy.last.seq}`,
        );
    }
  }

  /** Every entry that there is by now, read from the leader. Returns the newest; null: there is none. */
  async #takeAll(): Promise<StoredEntry | null> {
    const newest = await this.#still(this.#parts.journal.newest());
    await this.#takeUpTo(newest);
    return newest;
  }

  async #takeUpTo(goal: StoredEntry | null): Promise<void> {
    const { partition, journal } = this.#parts;
    const goalPlace = goal?.place ?? 0;
    // It has lost its tail since the place was found.
    if (goalPlace < this.#place!) await this.#attach();
    while (this.#place! < goalPlace) {
      const entry = await this.#still(journal.from(this.#place! + 1));
      if (entry === null || entry.place > goalPlace)
        throw new Gap('broken', `partition ${partition}: entry ${goalPlace} of its journal is gone`);
      this.#take(entry);
      this.#lag = goalPlace - entry.place;
    }
  }

  #take(entry: StoredEntry): void {
    const { partition, reply } = this.#parts;
    const last = this.#copy.last;
    const isKnown = entry.last <= last.seq;
    if (entry.first > last.seq + 1) {
      const detail = `expected sequence ${last.seq + 1} next, entry ${entry.place} of its journal has ${entry.first}`;
      throw new Gap('broken', `partition ${partition}: ${detail}`);
    }
    const batch = isKnown || entry.first === last.seq + 1 ? entry.body : withoutUpTo(entry.body, last.seq);
    const found = isKnown ? { seq: entry.last, chain: this.#chainAt(entry.last) } : chainThrough(batch, last);
    if (found.seq !== entry.last || found.chain !== entry.chain) {
      throw new Apart(`entry ${entry.place} does not continue the copy: chain ${entry.chain} there, ${found.chain} here`);
    }
    if (entry.segment !== null && entry.first === last.seq + 1) this.#copy.seal(entry.segment);
    if (!isKnown) this.#copy.append(batch as Uint8Array<ArrayBuffer>);
    if (entry.kind === 'floor') reply({ op: 'floor', partition, first: entry.floor! });
    this.#place = entry.place;
  }

  #chainAt(seq: Sequence): number | null {
    const { last } = this.#copy;
    return seq === last.seq ? last.chain : this.#copy.chainAt(seq);
  }

  /** False: another entry has come before it. */
  async #publish(entry: Entry): Promise<boolean> {
    const result = await this.#still(this.#parts.journal.publish(entry, this.#place!));
    if (result.kind === 'stored') this.#place = result.place;
    return result.kind === 'stored';
  }

  // ---- modes ----

  #begin(mode: Mode, work: () => Promise<void>): void {
    this.#enter(mode);
    this.#run(work);
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#era++;
    this.#endFollowing();
    this.#endFollowing = () => undefined;
    this.#queue.clear();
    this.#lag = 0;
    this.#toldLag = null;
    this.#isPublishing = false;
    this.#dueFloor = null;
    this.#isSealDue = false;
    this.#isReleaseDue = false;
  }

  #run(work: () => Promise<void>): void {
    const era = this.#era;
    work().catch((error: unknown) => {
      if (era === this.#era) this.#failed(error);
      else if (!isExpected(error)) this.#parts.broke(error);
    });
  }

  /** What `promise` brings, unless the mode has changed meanwhile. */
  async #still<Value>(promise: Promise<Value>): Promise<Value> {
    const era = this.#era;
    const value = await promise;
    if (era !== this.#era) throw new Superseded();
    return value;
  }

  #lose(detail: string): void {
    const { partition, reply } = this.#parts;
    this.drop();
    reply({ op: 'lost', partition, epoch: this.#epoch, detail });
  }

  #failed(error: unknown): void {
    const { partition, reply, broke, clock } = this.#parts;
    const mode = this.#mode;
    if (error instanceof Superseded || error instanceof Abandoned) return;
    if (error instanceof Apart && mode !== 'owning') {
      const aside = this.#copy.setAside(clock.wallMs());
      this.#place = null;
      reply({ op: 'regressed', partition, detail: `${error.message}; the copy is now in ${aside}, and is made anew` });
      this.#begin(mode, mode === 'following' ? () => this.#follow() : () => this.#claim());
      return;
    }
    if (!isExpected(error)) {
      broke(error);
      return;
    }
    this.drop();
    reply({ op: 'stuck', partition, detail: (error as Error).message });
  }
}

/** Anything else is a bug. */
function isExpected(error: unknown): boolean {
  const kinds = [Superseded, Abandoned, Apart, CopyFault, JournalRefused, InvariantError];
  return kinds.some((kind) => error instanceof kind);
}
