/**
 * Brings the copy of a log on this node's disk to where the journal is, and keeps it there.
 *
 *     attach ── is the copy a beginning of the journal's log? ── yes ──▶ entries behind it
 *                  │ it is damaged, or differs: set aside, and made anew
 *                  │ it ends before the journal begins (what is older was purged)
 *                  ▼
 *               bases, part by part, until the journal goes on ──▶ attach
 *                  │ none continues the copy: is there a row of bases from where the log begins?
 *                  │     yes: set aside, and made anew from those        no: Gap, the node gives up
 *
 * Every entry and every part of a base is compared by its chain value before it is appended: so a base that is damaged, or of a log that has
 * taken another course, is found out where it is used, and another one is tried. A copy never begins later than the newest entry of the journal says
 * that a copy must (`begins`), and nothing is skipped to go on.
 *
 * Purging and retention go on meanwhile. Whoever meets a hole attaches anew; only if nothing has moved since, it is a real one.
 *
 * Owned by one replica.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { followedBytesMax } from '../../kernel/limits.js';
import { DamageError, LogFormatError } from '../../log/damage.js';
import type { ReplicaReply } from '../../log/protocol.js';
import type { Base, BaseShelf } from './base-shelf.js';
import { chainThrough, withoutUpTo } from './entry-queue.js';
import type { Era } from './era.js';
import type { StoredEntry } from './journal-entry.js';
import { findPlace, type JournalPlace } from './journal-place.js';
import { CopyFault, type LocalCopy } from './local-copy.js';
import type { PartitionJournal } from './partition-journal.js';
import { Shortcut } from './shortcut.js';

/** The journal goes on differently than the copy does. */
export class Apart extends DamageError {}
/** An entry does not follow the one before. */
export class Gap extends DamageError {}

export interface CopyIntakeParts {
  readonly partition: PartitionId;
  readonly copy: LocalCopy;
  readonly journal: Pick<PartitionJournal, 'newest' | 'from' | 'inBulk'>;
  readonly bases: Pick<BaseShelf, 'list' | 'partWith' | 'partBehind'>;
  readonly clock: Clock;
  readonly era: Era;
  tell(reply: ReplicaReply): void;
}

type Behind = Extract<JournalPlace, { kind: 'behind' }>;
type Needs = {
  readonly begins: Sequence /** Where the journal goes on; null: it is empty. */;
  readonly oldest: StoredEntry | null;
};

export class CopyIntake {
  readonly #parts: CopyIntakeParts;
  readonly #copy: LocalCopy;
  /** Entries behind. Null: where the copy ends in the journal is not known yet, or what comes before the journal is still on its way. */
  lag: number | null = null;
  /** How often something was found here that the journal does not say yet. */
  losses = 0;
  #place: number | null = null;

  constructor(parts: CopyIntakeParts) {
    this.#parts = parts;
    this.#copy = parts.copy;
  }

  /** Of the newest entry that is in the copy; 0: none is. Only behind `attach`. */
  get place(): number {
    return this.#place!;
  }

  /** The copy's owner has added this entry, and its records. */
  moveTo(place: number): void {
    this.#place = place;
  }

  /** Finds where the copy ends in the journal, and brings what lies between. */
  async attach(): Promise<void> {
    const { journal, era } = this.#parts;
    for (;;) {
      this.#open();
      const { last } = this.#copy;
      const found = await era.still(
        findPlace({
          newest: () => journal.newest(),
          from: (place) => journal.from(place),
          last,
          chainAt: (seq) => this.#copy.chainAt(seq),
          hint: this.#place,
        }),
      );
      switch (found.kind) {
        case 'at':
        case 'ahead':
          this.#place = found.place;
          if (last.seq === 0 && found.place === 0 && (await era.still(journal.newest())) === null) await this.#lookForLost();
          return;
        case 'apart':
          this.differs(found.detail);
          break;
        case 'behind':
          await this.#bridge(found);
      }
    }
  }

  /** Every entry that there is by now, read from the leader. Returns the newest; null: there is none. */
  async takeAll(): Promise<StoredEntry | null> {
    const newest = await this.#parts.era.still(this.#parts.journal.newest());
    await this.takeUpTo(newest);
    return newest;
  }

  /** The leader is asked for each entry, or at least for the last one: by its chain value it vouches for what has come in bulk before it. */
  async takeUpTo(goal: StoredEntry | null): Promise<void> {
    const { journal, era } = this.#parts;
    const goalPlace = goal?.place ?? 0;
    // It has lost its tail since the place was found.
    if (goalPlace < this.place) await this.attach();
    const began = era.count;
    const takeEarly = (entry: StoredEntry) => era.count === began && this.#takeEarly(entry, goalPlace);
    const shortcut = new Shortcut(journal);
    try {
      for (;;) {
        this.lag = Math.max(0, goalPlace - this.place);
        if (this.lag === 0) return;
        const hasCome = await era.still(shortcut.take({ place: this.place, goal: goalPlace }, takeEarly));
        this.#copy.write();
        if (!hasCome) await this.#takeNext(goalPlace);
      }
    } finally {
      shortcut.close();
    }
  }

  async #takeNext(goalPlace: number): Promise<void> {
    const { partition, journal, era } = this.#parts;
    const entry = await era.still(journal.from(this.place + 1));
    if (entry === null || entry.place > goalPlace)
      throw new Gap('broken', `partition ${partition}: entry ${goalPlace} of its journal is gone`);
    if (entry.first > this.#copy.last.seq + 1) await this.#passHole(entry);
    else this.take(entry);
  }

  /** One that has come in bulk. False: it does not fit, or is not for here; the leader is asked. */
  #takeEarly(entry: StoredEntry, goalPlace: number): boolean {
    // The leader was faster.
    if (entry.place <= this.place) return true;
    if (entry.place >= goalPlace) return false;
    try {
      this.#take(entry, { mayWait: true });
      return true;
    } catch (error) {
      if (error instanceof Apart || error instanceof Gap) return false;
      throw error;
    }
  }

  /** Throws Apart and Gap. */
  take(entry: StoredEntry): void {
    this.#take(entry, { mayWait: false });
  }

  /** The same for whoever follows: in memory until there is more of it, or somebody looks, or calls `LocalCopy.write`. The journal has it. */
  takeLater(entry: StoredEntry): void {
    this.#take(entry, { mayWait: true });
    if (this.#copy.waitingBytes >= followedBytesMax) this.#copy.write();
  }

  #take(entry: StoredEntry, { mayWait }: { readonly mayWait: boolean }): void {
    this.#append(entry, { mayWait });
    this.#place = entry.place;
    if (entry.kind === 'floor') this.#parts.tell({ op: 'floor', partition: this.#parts.partition, first: entry.floor! });
  }

  /** The journal, or a base, contradicts the copy: something acknowledged may be gone. */
  differs(detail: string): void {
    const { partition, clock, tell } = this.#parts;
    const aside = this.#copy.setAside(clock.wallMs());
    this.#place = null;
    this.losses++;
    tell({ op: 'regressed', partition, detail: `${detail}; the copy is now in ${aside}, and is made anew` });
  }

  /** What is on disk is not what was written: the cluster has it. */
  damaged(detail: string): void {
    const { partition, clock, tell } = this.#parts;
    const aside = this.#copy.setAside(clock.wallMs());
    this.#place = null;
    tell({ op: 'copy-note', partition, detail: `${detail}; the copy is now in ${aside}, and is made anew` });
  }

  #open(): void {
    try {
      this.#copy.open();
    } catch (error) {
      if (!(error instanceof CopyFault) || !error.isDamage) throw error;
      this.damaged(error.message);
      this.#copy.open();
    }
  }

  /** Between the copy and `entry` something is missing. */
  async #passHole(entry: StoredEntry): Promise<void> {
    const { partition, era } = this.#parts;
    const { last } = this.#copy;
    await this.attach();
    if (this.#copy.last.seq > last.seq) return;
    if (await era.still(this.#fill({ begins: (last.seq + 1) as Sequence, oldest: entry }))) return this.attach();
    const detail = `expected sequence ${last.seq + 1} next, entry ${entry.place} of its journal has ${entry.first}`;
    throw new Gap('broken', `partition ${partition}: ${detail}`);
  }

  /** The journal begins behind the end of the copy. */
  async #bridge({ oldest, newest }: Behind): Promise<void> {
    const { partition, journal, era } = this.#parts;
    const needs: Needs = { begins: newest.begins, oldest };
    const isTooOld = this.#copy.last.seq + 1 < needs.begins;
    if (await era.still(isTooOld || this.#copy.last.seq === 0 ? this.#beginAnew(needs) : this.#fill(needs))) return;
    const contradiction = await era.still(this.#contradiction());
    if (contradiction !== null) {
      this.differs(contradiction);
      return;
    }
    const [oldestNow, newestNow] = [await era.still(journal.from(0)), await era.still(journal.newest())];
    if (oldestNow?.place !== oldest.place || newestNow?.begins !== newest.begins) return;
    const detail =
      `the journal begins with sequence ${oldest.first} and this node's copy ends at ${this.#copy.last.seq}; no row of sound bases lies ` +
      `between, from sequence ${newest.begins} on. A node whose copy is whole can own the partition`;
    throw new Gap('broken', `partition ${partition}: ${detail}`);
  }

  /** What a base says that the copy, where both have it, does not; null: nothing. */
  async #contradiction(): Promise<string | null> {
    const { bases, era } = this.#parts;
    const { seq } = this.#copy.last;
    for (const base of await era.still(bases.list())) {
      if (base.first > seq || base.last < seq) continue;
      const part = await era.still(soundOrNull(bases.partWith(base, seq)));
      if (part === null) continue;
      const here = this.#copy.chainAt((part.first - 1) as Sequence);
      if (here !== null && here !== part.before) return `a base and the copy differ before sequence ${part.first}`;
    }
    return null;
  }

  /** An empty copy of an empty journal: a new partition, unless there are bases of it. */
  async #lookForLost(): Promise<void> {
    const { partition, bases, era, tell } = this.#parts;
    const [oldest] = await era.still(bases.list());
    if (oldest === undefined) return;
    await era.still(this.#beginAnew({ begins: oldest.first, oldest: null }));
    const { last } = this.#copy;
    this.losses++;
    tell({
      op: 'regressed',
      partition,
      detail: `the journal is gone; the bases of the partition go as far as sequence ${last.seq}`,
    });
  }

  /** True: the journal goes on where the copy ends now. */
  async #fill({ oldest }: Needs): Promise<boolean> {
    const { bases, era } = this.#parts;
    const isThere = () => oldest !== null && this.#copy.last.seq + 1 >= oldest.first;
    const useless = new Set<string>();
    const all = await era.still(bases.list());
    while (!isThere()) {
      const next = this.#copy.last.seq + 1;
      const fitting = all.filter((base) => base.first <= next && base.last >= next && !useless.has(nameOf(base)));
      const base = fitting.reduce<Base | null>((best, each) => (best === null || each.last > best.last ? each : best), null);
      if (base === null) return false;
      if (!(await era.still(this.#takeBase(base, isThere)))) useless.add(nameOf(base));
    }
    return true;
  }

  /** From the first sequence of the copy's that is missing, until `isEnough` or its end. False: a part of it is no good. */
  async #takeBase(base: Base, isEnough: () => boolean): Promise<boolean> {
    const { bases, era } = this.#parts;
    try {
      let part = await era.still(bases.partWith(base, (this.#copy.last.seq + 1) as Sequence));
      while (part !== null) {
        this.#append(part);
        if (isEnough() || this.#copy.last.seq >= base.last) return true;
        part = await era.still(bases.partBehind(base, part.place));
      }
      return false;
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      return false;
    }
  }

  /** A copy that begins where the log does, or a little before. False: there is nothing to begin with, or what there is does not reach far enough. */
  async #beginAnew(needs: Needs): Promise<boolean> {
    const { bases, era } = this.#parts;
    const { begins, oldest } = needs;
    if (oldest !== null && oldest.first <= begins) {
      this.#beginAt(oldest);
      return true;
    }
    const all = await era.still(bases.list());
    const candidates = all.filter(({ first, last }) => first <= begins && last >= begins).reverse();
    for (const base of candidates) {
      if (oldest !== null && !isRow(all, { from: base, to: oldest.first })) continue;
      const opening = await era.still(soundOrNull(bases.partWith(base, base.first)));
      if (opening === null || opening.first !== base.first) continue;
      this.#beginAt(opening);
      if ((await era.still(this.#fill(needs))) || (oldest === null && this.#copy.last.seq >= base.last)) return true;
    }
    return false;
  }

  #beginAt({ first, before, segment }: StoredEntry): void {
    const { partition, clock, tell } = this.#parts;
    const position = { seq: (first - 1) as Sequence, chain: before };
    if (this.#copy.last.seq === position.seq && this.#copy.last.chain === position.chain) return;
    this.#place = null;
    const aside = this.#copy.beginAt(position, { createdAt: segment ?? clock.wallMs(), now: clock.wallMs() });
    if (aside === null) return;
    const detail = `a copy that ended before what the cluster still has is now in ${aside}; it is made anew from sequence ${first}`;
    tell({ op: 'copy-note', partition, detail });
  }

  #append(entry: StoredEntry, { mayWait }: { readonly mayWait: boolean } = { mayWait: false }): void {
    const { partition } = this.#parts;
    const last = this.#copy.last;
    const isKnown = entry.last <= last.seq;
    if (entry.first > last.seq + 1) {
      const detail = `expected sequence ${last.seq + 1} next, entry ${entry.place} of its journal has ${entry.first}`;
      throw new Gap('broken', `partition ${partition}: ${detail}`);
    }
    const batch = isKnown || entry.first === last.seq + 1 ? entry.body : withoutUpTo(entry.body, last.seq);
    const through = isKnown ? null : chainThrough(batch, last);
    const found = through ?? { seq: entry.last, chain: this.#chainAt(entry.last) };
    if (found.seq !== entry.last || found.chain !== entry.chain) {
      throw new Apart(
        'broken',
        `entry ${entry.place} does not continue the copy: chain ${entry.chain} there, ${found.chain} here`,
      );
    }
    if (entry.segment !== null && entry.first === last.seq + 1) this.#copy.seal(entry.segment);
    if (through === null) return;
    // For the last one of a pull they are written as one; what costs is the transaction, not what is in it.
    if (mayWait) this.#copy.appendLater(batch as Uint8Array<ArrayBuffer>, through);
    else this.#copy.append(batch as Uint8Array<ArrayBuffer>, through.crcs);
  }

  #chainAt(seq: Sequence): number | null {
    const { last } = this.#copy;
    return seq === last.seq ? last.chain : this.#copy.chainAt(seq);
  }
}

/** Whether one base after the other goes on where the one before ends, until `to`. */
function isRow(all: readonly Base[], { from, to }: { readonly from: Base; readonly to: Sequence }): boolean {
  let { last } = from;
  for (;;) {
    if (last + 1 >= to) return true;
    const next = all.find((base) => base.first <= last + 1 && base.last > last);
    if (next === undefined) return false;
    last = next.last;
  }
}

function nameOf({ epoch, first }: Base): string {
  return `${epoch}.${first}`;
}

async function soundOrNull<Value>(reading: Promise<Value | null>): Promise<Value | null> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof DamageError) || error instanceof LogFormatError) throw error;
    return null;
  }
}
