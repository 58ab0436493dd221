/**
 * Writes the journal of a partition for its owner: what the host decides becomes entries, one under way at a time.
 *
 *     opening  `open` behind the newest entry there is; what only the copy has, written again
 *     writing  notes (`floor`, `purge`), batches, new segments, and at last `release`: one entry behind the other, each fenced by the one before
 *
 * Each leaves when it is its turn among those of other partitions (`entry-turns.ts`), with all that has come until then.
 *
 * Stored means durable: then it goes into the copy, and the host hears of it. So the copy is never ahead of the journal.
 *
 * Owned by one replica.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { letGo } from '../../kernel/let-go.js';
import { journalTurnBytesMax } from '../../kernel/limits.js';
import type { LogPosition } from '../../log/segment/mark.js';
import type { LogReply, ReplicaReply } from '../../log/protocol.js';
import { Apart, type CopyIntake } from './copy-intake.js';
import { EntryQueue } from './entry-queue.js';
import type { EntryTurns } from './entry-turns.js';
import type { Era } from './era.js';
import { bareEntry, type Entry, hasRecords, type Stamp, type StoredEntry } from './journal-entry.js';
import type { LocalCopy } from './local-copy.js';
import type { PartitionJournal } from './partition-journal.js';

export type OwnerReply = ReplicaReply | Extract<LogReply, { op: 'durable' }>;

export interface EntryWriterParts {
  readonly partition: PartitionId;
  readonly copy: LocalCopy;
  readonly intake: CopyIntake;
  readonly journal: Pick<PartitionJournal, 'publish'>;
  readonly clock: Clock;
  readonly era: Era;
  readonly turns: Pick<EntryTurns, 'inTurn'>;
  tell(reply: OwnerReply): void;
}

export type Opened =
  | { readonly kind: 'opened'; readonly entry: StoredEntry }
  /** Somebody of a later epoch was faster. */
  | { readonly kind: 'late'; readonly epoch: number };

/** `lost`: another entry has come before the next one. `shrunk`: the journal ends before what was written here. */
type WriteEnd = 'released' | 'lost' | 'shrunk';

interface Note {
  readonly kind: 'floor' | 'purge';
  readonly floor: Sequence;
  settle(isStored: boolean): void;
}

export class EntryWriter {
  readonly #parts: EntryWriterParts;
  readonly #queue = new EntryQueue();
  #stamp: Stamp = { epoch: 0, begins: 1 as Sequence, losses: 0 };
  readonly #notes: Note[] = [];
  #isSealDue = false;
  #isReleaseDue = false;
  #isWriting = false;

  constructor(parts: EntryWriterParts) {
    this.#parts = parts;
  }

  /** What the newest entry says, beside its records. */
  get stamp(): Stamp {
    return this.#stamp;
  }

  /** Nothing waits to be written. */
  clear(): void {
    this.#queue.clear();
    for (const { settle } of this.#notes.splice(0)) settle(false);
    this.#isSealDue = false;
    this.#isReleaseDue = false;
    this.#isWriting = false;
  }

  // ---- opening ----

  /** Does not wait until the copy has everything: an owner before that writes on and on would always be a step ahead. */
  async open(epoch: number, newest: StoredEntry | null): Promise<Opened> {
    const { copy, intake, journal, era } = this.#parts;
    for (let before = newest; ; ) {
      if (before !== null && before.epoch > epoch) return { kind: 'late', epoch: before.epoch };
      const position = before === null ? copy.beginning : { seq: before.last, chain: before.chain };
      const isShort = copy.last.seq > position.seq;
      // Where an empty journal begins is where retention has left off.
      const begins = before?.begins ?? ((position.seq + 1) as Sequence);
      const stamp = { epoch, begins, losses: (before?.losses ?? 0) + Math.max(intake.losses, isShort ? 1 : 0) };
      const entry = bareEntry('open', { stamp, position });
      const result = await era.still(journal.publish(entry, before?.place ?? 0));
      if (result.kind === 'stored') {
        this.#stamp = stamp;
        intake.losses = 0;
        return { kind: 'opened', entry: { ...entry, place: result.place } };
      }
      before = result.newest;
    }
  }

  /** What the journal has lost, and the copy has: everything behind `common`. */
  async writeAgain(common: LogPosition): Promise<void> {
    const { partition, copy, tell } = this.#parts;
    const { last } = copy;
    const queue = new EntryQueue();
    let position = common;
    for (const { batch, segment } of copy.batchesAfter(common)) {
      queue.push(batch);
      let begun = segment;
      for (let bunch = queue.next(position); bunch !== null; bunch = queue.next(position)) {
        const entry: Entry = { ...this.#stamp, kind: 'records', ...bunch, before: position.chain, segment: begun, floor: null };
        if ((await this.#publish(entry)) !== 'stored')
          throw new Apart('broken', 'somebody has opened the journal while its tail was written again');
        position = { seq: bunch.last, chain: bunch.chain };
        begun = null;
      }
    }
    const detail = `the journal ended at sequence ${common.seq}, this node had records up to ${last.seq}, which have been written again`;
    tell({ op: 'regressed', partition, detail });
  }

  // ---- writing ----

  /** Takes the batch, and the memory that it lies in. */
  append(batch: Uint8Array<ArrayBuffer>): void {
    this.#queue.push(batch);
  }

  /** A new segment begins with the next record, unless one is about to already. */
  seal(): void {
    this.#isSealDue = true;
  }

  release(): void {
    this.#isReleaseDue = true;
  }

  /** Whether the journal has it; not, when the writer was cleared before. */
  note(kind: Note['kind'], floor: Sequence): Promise<boolean> {
    return new Promise((settle) => this.#notes.push({ kind, floor, settle }));
  }

  /** Everything that is due, one entry behind the other. Returns what ended it: nothing is left, the end is written, or somebody else was faster. */
  async write(): Promise<'idle' | WriteEnd> {
    if (this.#isWriting) return 'idle';
    this.#isWriting = true;
    const { turns, era } = this.#parts;
    const began = era.count;
    const next = async () => {
      era.mustBe(began);
      return this.#writeNext();
    };
    while (this.#isDue) {
      const end = await (this.#queue.bytes >= journalTurnBytesMax ? next() : turns.inTurn(next));
      if (end !== null) return end;
    }
    this.#isWriting = false;
    return 'idle';
  }

  get #isDue(): boolean {
    return this.#notes.length > 0 || this.#isSealDue || this.#isReleaseDue || !this.#queue.isEmpty;
  }

  /** Null: it goes on. */
  async #writeNext(): Promise<WriteEnd | null> {
    const entry = this.#next();
    if (entry === null) return null;
    const beganMs = this.#parts.clock.monoMs();
    const published = await this.#publish(entry);
    if (published !== 'stored') return published;
    this.#stored(entry, beganMs);
    return entry.kind === 'release' ? 'released' : null;
  }

  /** Made when it leaves, of all that has come by then. */
  #next(): Entry | null {
    const position = this.#parts.copy.last;
    const note = this.#notes[0];
    if (note !== undefined) {
      const { kind, floor } = note;
      const begins = kind === 'floor' ? floor : this.#stamp.begins;
      return bareEntry(kind, { stamp: { ...this.#stamp, begins }, position, floor });
    }
    const stamp = this.#stamp;
    const segment = this.#isSealDue ? this.#parts.clock.wallMs() : null;
    this.#isSealDue = false;
    const bunch = this.#queue.next(position);
    if (bunch !== null) return { ...stamp, kind: 'records', ...bunch, before: position.chain, segment, floor: null };
    if (segment !== null) return bareEntry('records', { stamp, position, segment });
    return this.#isReleaseDue ? bareEntry('release', { stamp, position }) : null;
  }

  #stored(entry: Entry, beganMs: number): void {
    const { partition, copy, tell, clock } = this.#parts;
    if (entry.floor !== null) {
      this.#stamp = { ...this.#stamp, begins: entry.begins };
      this.#notes.shift()!.settle(true);
    }
    if (entry.segment !== null) copy.seal(entry.segment);
    if (!hasRecords(entry)) return;
    const body = entry.body as Uint8Array<ArrayBuffer>;
    copy.append(body, entry.crcs);
    letGo(body);
    tell({ op: 'durable', partition, seq: entry.last, commitMs: clock.monoMs() - beganMs });
  }

  async #publish(entry: Entry): Promise<'stored' | 'lost' | 'shrunk'> {
    const { journal, intake, era } = this.#parts;
    const result = await era.still(journal.publish(entry, intake.place));
    if (result.kind === 'stored') {
      intake.moveTo(result.place);
      return 'stored';
    }
    return (result.newest?.place ?? 0) < intake.place ? 'shrunk' : 'lost';
  }
}
