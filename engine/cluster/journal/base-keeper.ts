/**
 * What the owner of a partition does about its bases, in the background: writes them from its sealed segments, takes out of the journal what
 * they have, and removes those that retention has outlived.
 *
 *     segments   [1-400][401-790][791-1200][1201-1560][1561-...        the last one is open
 *     bases      [1-400][401-600][601-790][791-1200][1201-1560]        cut where owners changed
 *     journal                           [791 ...                       keeps what the newest two sealed ones hold
 *
 * One round: is there something sealed behind the bases that fit this log? It is added, part by part, each read again when it is stored; and only
 * then a `purge` entry says how far the journal goes. It comes before the purge, so that a node that meets the hole knows it; and it is fenced,
 * so that only the owner of now purges. The newest entry is never among what goes.
 *
 * *Without delaying records.* A part is read in about a millisecond, one is under way for all partitions of the thread, and behind each the round
 * rests for as long as it took.
 *
 * Where a base of an owner before ends is asked once for each time of ownership, by its chain value: one that does not fit the log is left where it
 * is, and another one is written beside it.
 *
 * Owned by one replica.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { basePartBytesMax, journalKeepsSegments } from '../../kernel/limits.js';
import type { LogPosition } from '../../log/segment/mark.js';
import type { Base, BaseShelf } from './base-shelf.js';
import type { EntryWriter } from './entry-writer.js';
import type { Era } from './era.js';
import type { Entry } from './journal-entry.js';
import { newestWithin } from './journal-place.js';
import type { LocalCopy, SealedRun } from './local-copy.js';
import type { PartitionJournal } from './partition-journal.js';

export interface BaseKeeperParts {
  readonly partition: PartitionId;
  readonly copy: LocalCopy;
  readonly journal: Pick<PartitionJournal, 'newest' | 'from' | 'removeBefore'>;
  readonly bases: Pick<BaseShelf, 'list' | 'add' | 'remove'>;
  readonly writer: EntryWriter;
  readonly era: Era;
  /** Something was noted for the journal. */
  write(): void;
  /** After work of so many milliseconds. */
  rest(workedMs: number): Promise<void>;
}

/** How far the bases of one time of ownership go. */
interface Coverage {
  readonly era: number;
  end: LogPosition;
  /** What was there when it began. */
  readonly found: readonly Base[];
  /** The base that is being written, and its newest part. */
  open: Base | null;
  /** What is before went out of the journal. */
  purgedTo: Sequence;
}

export class BaseKeeper {
  readonly #parts: BaseKeeperParts;
  #coverage: Coverage | null = null;
  /** Bases that end before this are gone. */
  #retiredBefore = 1 as Sequence;
  /** Everything was done when this segment was open: as long as it is, nothing more is sealed, and no file need be looked at. */
  #doneUntil: Sequence | null = null;

  constructor(parts: BaseKeeperParts) {
    this.#parts = parts;
  }

  /** Everything that there is to do by now. Throws what the disk or JetStream has against it; the next round begins anew. */
  async round(): Promise<void> {
    const { copy, era, writer } = this.#parts;
    if (this.#coverage?.era !== era.count) {
      this.#doneUntil = null;
      this.#coverage = await this.#look();
    }
    const coverage = this.#coverage;
    try {
      const { openSegment } = copy;
      if (this.#doneUntil !== openSegment) {
        const { segments } = copy;
        while (await this.#addPart(coverage));
        this.#doneUntil = (await this.#purge(coverage, segments)) ? openSegment : null;
      }
      await this.#retire(writer.stamp.begins);
    } catch (error) {
      this.#doneUntil = null;
      this.#coverage = null;
      throw error;
    }
  }

  /** How far do the bases go that are there? Only those count whose end is in the copy, with its chain value. */
  async #look(): Promise<Coverage> {
    const { copy, bases, era, journal } = this.#parts;
    const found = await era.still(bases.list());
    const oldest = await era.still(journal.from(0));
    return { era: era.count, end: copy.beginning, found, open: null, purgedTo: oldest?.first ?? (1 as Sequence) };
  }

  /** Over what bases of other times of ownership have. */
  #pass(coverage: Coverage): void {
    for (;;) {
      const { seq } = coverage.end;
      const next = coverage.found.find(
        ({ first, last, chain }) => first <= seq + 1 && last > seq && this.#chainAt(last) === chain,
      );
      if (next === undefined) return;
      coverage.end = { seq: next.last, chain: next.chain };
      coverage.open = null;
    }
  }

  /** False: nothing is sealed there. */
  async #addPart(coverage: Coverage): Promise<boolean> {
    const { copy, bases, writer, era, rest } = this.#parts;
    this.#pass(coverage);
    const beganMs = performance.now();
    const run = copy.sealedRun(coverage.end, basePartBytesMax);
    if (run === null) return false;
    const workedMs = performance.now() - beganMs;
    // A base for each segment, so that one is outlived as a whole.
    const goesOn = coverage.open !== null && run.segment === null;
    const { epoch } = writer.stamp;
    const base = goesOn ? coverage.open! : { epoch, first: (run.before.seq + 1) as Sequence, place: 0 };
    const place = await era.still(bases.add(base, partOf(run, writer), base.place));
    if (place === null) {
      // What is there under this name cannot be read, or was not in the list that this one was made from.
      await era.still(bases.remove(base));
      throw new Error(`a base of partition ${this.#parts.partition} that nobody can use was removed`);
    }
    coverage.end = run.last;
    coverage.open = { epoch: base.epoch, first: base.first, last: run.last.seq, chain: run.last.chain, place };
    await era.still(rest(workedMs));
    return true;
  }

  /** False: something was in the way. */
  async #purge(coverage: Coverage, segments: readonly Sequence[]): Promise<boolean> {
    const { journal, writer, era, write } = this.#parts;
    const sealed = segments.slice(0, -1);
    const covered = sealed.filter((_, at) => segments[at + 1]! <= coverage.end.seq + 1);
    const floor = covered.at(-journalKeepsSegments) ?? covered[0];
    if (floor === undefined || floor <= coverage.purgedTo) return true;
    const upTo = (floor - 1) as Sequence;
    const [oldest, newest] = [await era.still(journal.from(0)), await era.still(journal.newest())];
    if (oldest === null || newest === null) return false;
    if (oldest.last >= floor || oldest.place === newest.place) {
      coverage.purgedTo = floor;
      return true;
    }
    const low = await era.still(newestWithin((place) => journal.from(place), { low: oldest, high: newest, upTo }));
    const kept = await era.still(journal.from(low.place + 1));
    if (kept === null || kept.place > newest.place) return false;
    const noted = writer.note('purge', kept.first);
    write();
    if (!(await era.still(noted))) return false;
    await era.still(journal.removeBefore(kept.place));
    coverage.purgedTo = floor;
    return true;
  }

  /** Those that end before the log begins; the journal has said so. */
  async #retire(begins: Sequence): Promise<void> {
    const { bases, era } = this.#parts;
    if (begins === this.#retiredBefore) return;
    for (const base of await era.still(bases.list())) if (base.last < begins) await era.still(bases.remove(base));
    this.#retiredBefore = begins;
  }

  #chainAt(seq: Sequence): number | null {
    const { last } = this.#parts.copy;
    return seq === last.seq ? last.chain : seq > last.seq ? null : this.#parts.copy.chainAt(seq);
  }
}

function partOf({ body, before, last, segment }: SealedRun, { stamp }: EntryWriter): Entry {
  return {
    ...stamp,
    kind: 'records',
    first: (before.seq + 1) as Sequence,
    last: last.seq,
    before: before.chain,
    chain: last.chain,
    segment,
    floor: null,
    body,
  };
}
