/**
 * What a node has to do with the journal of one partition: nothing, follow it, or own it.
 *
 *     idle --follow--> following --own--> claiming --`open` is the newest entry--> owning --release, drop, fenced--> idle
 *
 * idle       Files closed.
 * following  The copy is kept as the journal goes on, entry by entry (`copy-intake.ts`). Entries are written together, with the next tick at the latest: what
 *            costs is the transaction, and what a crash takes of them is in the journal.
 * claiming   What the journal has is taken in, read from its leader. Then the opening entry, fenced: has the owner before written something
 *            meanwhile, it is tried again behind that. From `open` on nothing of it is accepted any more, and what it had written until then
 *            is taken in.
 * owning     What the host decides becomes entries (`entry-writer.ts`); what is sealed becomes bases (`base-keeper.ts`).
 *
 * *Retention and segments.* Segments begin at the same position everywhere, since the owner says so in an entry, and a floor tells the others what
 * is no longer needed.
 *
 * *A journal that has lost its tail* (an older copy of it was restored): what only the copy has is written again by whoever owns the
 * partition. Where the journal goes on differently the copy is set aside. Both are told (`regressed`), and counted in the journal (`losses`).
 *
 * Invariants: nothing is appended to the copy that is not in the journal; no entry is taken whose records do not continue the chain; what an
 * `await` brings after the mode has changed has no effect.
 *
 * Knows neither threads nor ports nor timers: `replica-thread.ts` has those. Owned by its thread.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { InvariantError } from '../../kernel/errors.js';
import { BaseKeeper } from './base-keeper.js';
import type { BaseShelf } from './base-shelf.js';
import { Apart, CopyIntake, Gap } from './copy-intake.js';
import type { EntryTurns } from './entry-turns.js';
import { EntryWriter, type OwnerReply } from './entry-writer.js';
import { Era, Superseded } from './era.js';
import { CopyFault, type LocalCopy } from './local-copy.js';
import type { PartitionJournal } from './partition-journal.js';
import { Abandoned, JournalRefused } from './persistence.js';

type Mode = 'idle' | 'following' | 'claiming' | 'owning';

/** A partition that moves is to be served within a second: what of it took longer is told. */
const slowClaimMs = 1_000;

export interface ReplicaParts {
  readonly partition: PartitionId;
  readonly copy: LocalCopy;
  readonly journal: Pick<PartitionJournal, 'newest' | 'from' | 'inBulk' | 'publish' | 'follow' | 'removeBefore'>;
  readonly bases: Pick<BaseShelf, 'list' | 'partWith' | 'partBehind' | 'add' | 'remove'>;
  readonly clock: Clock;
  /** Shared by all partitions of the thread. */
  readonly turns: Pick<EntryTurns, 'inTurn'>;
  reply(reply: OwnerReply): void;
  /** A bug: the thread is to end. */
  broke(error: unknown): void;
  /** Others may work on this thread before bases go on, after work of so many milliseconds. */
  rest(workedMs: number): Promise<void>;
}

export class Replica {
  readonly #parts: ReplicaParts;
  readonly #copy: LocalCopy;
  readonly #era = new Era();
  readonly #intake: CopyIntake;
  readonly #writer: EntryWriter;
  readonly #keeper: BaseKeeper;
  #mode: Mode = 'idle';
  #epoch = 0;
  #endFollowing: () => void = () => undefined;
  /** Entries behind, as the host was told last. */
  #toldLag: number | null = null;
  /** What stood in the way of bases last. */
  #toldFault: string | null = null;

  constructor(parts: ReplicaParts) {
    const { copy, reply, rest } = parts;
    this.#parts = parts;
    this.#copy = copy;
    const era = this.#era;
    this.#intake = new CopyIntake({ ...parts, era, tell: reply });
    this.#writer = new EntryWriter({ ...parts, era, intake: this.#intake, tell: reply });
    this.#keeper = new BaseKeeper({ ...parts, era, writer: this.#writer, write: () => this.#write(), rest });
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

  /** Takes the batch, and the memory that it lies in. */
  append(batch: Uint8Array<ArrayBuffer>): void {
    // Whoever sends it has yet to hear that it is no longer the owner.
    if (this.#mode !== 'owning') return;
    this.#writer.append(batch);
    this.#write();
  }

  /** The host has replayed the copy up to `after`. */
  reopen(after: Sequence): void {
    if (this.#mode === 'owning') this.#run(async () => this.#copy.reopen(after));
  }

  floor(first: Sequence): void {
    if (this.#mode !== 'owning') return;
    void this.#writer.note('floor', first);
    this.#write();
  }

  /** The host could not make memory of the copy. */
  discard(detail: string): void {
    if (this.#mode === 'idle') return;
    this.#enter('idle');
    this.#run(async () => this.#intake.damaged(detail));
  }

  release(): void {
    if (this.#mode === 'owning') {
      this.#writer.release();
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
    if (this.#mode === 'following') this.#followAnew();
  }

  /** The connection is lost: the journal may go on, and nothing of it comes here. */
  cutOff(): void {
    if (this.#mode === 'following') this.#forgetLag();
  }

  /** About once a second. */
  tick(): void {
    const { lag } = this.#intake;
    if (this.#mode === 'following' && (lag !== 0 || this.#toldLag !== 0)) this.#tellLag();
    if (this.#mode === 'following') this.#run(async () => this.#copy.write());
    if (this.#mode !== 'owning' || !this.#copy.wantsSeal) return;
    this.#writer.seal();
    this.#write();
  }

  /** Bases are looked after: again and again, one round at a time. What stands in the way is told once. */
  async keepBases(): Promise<void> {
    if (this.#mode !== 'owning') return;
    const { partition, reply } = this.#parts;
    try {
      await this.#keeper.round();
      this.#toldFault = null;
    } catch (error) {
      if (error instanceof Superseded || error instanceof Abandoned) return;
      if (!(error instanceof Error) || isBug(error)) throw error;
      if (this.#toldFault === error.message) return;
      this.#toldFault = error.message;
      reply({ op: 'copy-note', partition, detail: `bases are behind: ${error.message}` });
    }
  }

  // ---- following ----

  async #follow(): Promise<void> {
    const { journal } = this.#parts;
    await this.#intake.attach();
    await this.#intake.takeAll();
    this.#tellLag();
    const era = this.#era.count;
    const carefully = (work: () => void) => {
      if (era !== this.#era.count) return;
      try {
        work();
      } catch (error) {
        // What is missing may have been purged before it came here: then bases have it.
        if (error instanceof Gap) this.#followAnew();
        else this.#failed(error);
      }
    };
    this.#endFollowing = journal.follow(this.#intake.place, {
      hear: (entry, left) =>
        carefully(() => {
          this.#intake.takeLater(entry);
          this.#intake.lag = left;
          if (left === 0 && this.#toldLag !== 0) this.#tellLag();
        }),
      silent: () => carefully(() => this.#followAnew()),
      failed: (error) =>
        carefully(() => {
          throw error;
        }),
    });
  }

  /** From where the leader says that it ends. */
  #followAnew(): void {
    this.#forgetLag();
    this.#begin('following', () => this.#follow());
  }

  /** It is not known any more, and nobody is to rely on what it was. */
  #forgetLag(): void {
    if (this.#toldLag === null) return;
    this.#intake.lag = null;
    this.#toldLag = null;
    this.#parts.reply({ op: 'following', partition: this.#parts.partition, lag: null, last: this.#copy.last.seq });
  }

  #tellLag(): void {
    const { lag } = this.#intake;
    if (lag === null) return;
    this.#toldLag = lag;
    this.#parts.reply({ op: 'following', partition: this.#parts.partition, lag, last: this.#copy.last.seq });
  }

  // ---- claiming ----

  async #claim(): Promise<void> {
    const { partition, clock, reply } = this.#parts;
    const epoch = this.#epoch;
    const beganAt = clock.monoMs();
    await this.#intake.attach();
    const attachedAt = clock.monoMs();
    const newest = await this.#intake.takeAll();
    const takenAt = clock.monoMs();
    const opened = await this.#writer.open(epoch, newest);
    if (opened.kind === 'late') {
      this.#lose(`epoch ${opened.epoch} has opened the journal before epoch ${epoch} could`);
      return;
    }
    const { entry } = opened;
    const openedAt = clock.monoMs();
    // Nothing can come before it any more.
    await this.#intake.takeUpTo(entry);
    if (this.#copy.last.seq > entry.last) await this.#writer.writeAgain({ seq: entry.last, chain: entry.chain });
    this.#mode = 'owning';
    reply({ op: 'owned', partition, epoch, losses: this.#writer.stamp.losses });
    const marks = [beganAt, attachedAt, takenAt, openedAt, clock.monoMs()];
    if (marks.at(-1)! - beganAt < slowClaimMs) return;
    const [place, behind, opening, rest] = marks.slice(1).map((at, step) => Math.round(at - marks[step]!));
    const detail = `owned late: its place ${place} ms, what was behind it ${behind} ms, the opening ${opening} ms, the rest ${rest} ms`;
    reply({ op: 'copy-note', partition, detail });
  }

  // ---- owning ----

  #write(): void {
    this.#run(async () => {
      const end = await this.#writer.write();
      if (end === 'lost') this.#lose('somebody else has opened the journal');
      if (end === 'shrunk') this.#lose('the journal ends before what was written here', true);
      if (end !== 'released') return;
      this.drop();
      this.#parts.reply({ op: 'released', partition: this.#parts.partition, epoch: this.#epoch });
    });
  }

  // ---- modes ----

  #begin(mode: Mode, work: () => Promise<void>): void {
    this.#enter(mode);
    this.#run(work);
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#era.begin();
    this.#endFollowing();
    this.#endFollowing = () => undefined;
    this.#writer.clear();
    this.#intake.lag = null;
    this.#toldLag = null;
  }

  #run(work: () => Promise<void>): void {
    const era = this.#era.count;
    work().catch((error: unknown) => {
      if (era === this.#era.count) this.#failed(error);
      else if (!isExpected(error)) this.#parts.broke(error);
    });
  }

  #lose(detail: string, hasShrunk = false): void {
    const { partition, reply } = this.#parts;
    this.drop();
    reply({ op: 'lost', partition, epoch: this.#epoch, detail, hasShrunk });
  }

  #failed(error: unknown): void {
    if (error instanceof Superseded || error instanceof Abandoned) return;
    if (!isExpected(error)) {
      this.#parts.broke(error);
      return;
    }
    try {
      if (this.#beginAgain(error)) return;
    } catch (fault) {
      if (!isExpected(fault)) throw fault;
      this.#stop(fault as Error);
      return;
    }
    this.#stop(error as Error);
  }

  /** With another copy, where that helps. The owner's memory was made of this one, so it ends first. */
  #beginAgain(error: unknown): boolean {
    const mode = this.#mode;
    const isDamage = error instanceof CopyFault && error.isDamage;
    if (!isDamage && !(error instanceof Apart)) return false;
    if (mode === 'owning') {
      if (isDamage) this.discard((error as Error).message);
      return false;
    }
    this.#forgetLag();
    if (isDamage) this.#intake.damaged(error.message);
    else this.#intake.differs((error as Error).message);
    this.#begin(mode, mode === 'following' ? () => this.#follow() : () => this.#claim());
    return true;
  }

  #stop({ message }: Error): void {
    this.drop();
    this.#parts.reply({ op: 'stuck', partition: this.#parts.partition, detail: message });
  }
}

/** Anything else is a bug. */
function isExpected(error: unknown): boolean {
  const kinds = [Superseded, Abandoned, CopyFault, JournalRefused, InvariantError];
  return kinds.some((kind) => error instanceof kind);
}

function isBug(error: Error): boolean {
  return [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
}
