/**
 * Replays of partitions, part by part as their actors take them in: the newest snapshot, then the records since.
 *
 * Two parts are under way, so that one is read while the actor takes in the other. A replay waits for indexes that are being built when a
 * snapshot can be used once they are there. A partition has one at a time: whoever asks again replaces it.
 */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { readFailureOf } from './damage.js';
import type { ReaderReply, ReaderRequest } from './protocol.js';
import type { PartitionSegments } from './reading/partition-segments.js';
import { Replay } from './reading/replay.js';
import { hasMark, logStart, readMark } from './segment/mark.js';
import { type Choice, chooseSnapshot } from './snapshot/snapshot-choice.js';
import type { SnapshotReader } from './snapshot/snapshot-file.js';

export interface ReplaysParts {
  readonly reply: (reply: ReaderReply) => void;
  readonly segmentsOf: (partition: PartitionId) => PartitionSegments;
  /** Indexes of the partition are being built. */
  readonly isBuilding: (partition: PartitionId) => boolean;
  /** The actor has everything. Segments before `first` were not read; of the others it has been told the indexes of `indexed`, by first sequence. */
  readonly done: (
    segments: PartitionSegments,
    replayed: { readonly first: Sequence; readonly indexed: ReadonlySet<Sequence> },
  ) => void;
  /** One has ended, also one that was not done. */
  readonly ended: () => void;
}

interface RunningReplay {
  readonly replay: Replay;
  readonly partition: PartitionId;
  /** What is left of it. */
  snapshot: SnapshotReader | null;
  /** First sequences of the segments whose index it has told of. */
  readonly indexed: ReadonlySet<Sequence>;
}

/** A replay that waits for indexes. */
interface WaitingReplay {
  readonly partition: PartitionId;
  readonly snapshotForm: number;
}

export class Replays {
  readonly #parts: ReplaysParts;
  /** By tag. */
  readonly #running = new Map<number, RunningReplay>();
  readonly #waiting = new Map<number, WaitingReplay>();

  constructor(parts: ReplaysParts) {
    this.#parts = parts;
  }

  /** None is running or waiting. */
  get isIdle(): boolean {
    return this.#running.size + this.#waiting.size === 0;
  }

  has(partition: PartitionId): boolean {
    for (const replay of [...this.#running.values(), ...this.#waiting.values()]) if (replay.partition === partition) return true;
    return false;
  }

  /** Whatever was under way of the partition is over. */
  giveWay(partition: PartitionId): void {
    this.endOf(partition);
    for (const [tag, waiting] of this.#waiting) if (waiting.partition === partition) this.#waiting.delete(tag);
  }

  /** Begins, or waits for indexes that are being built. */
  begin({ tag, partition, snapshotForm }: Extract<ReaderRequest, { op: 'replay' }>): void {
    const segments = this.#parts.segmentsOf(partition);
    const choice = chooseSnapshot(segments, { form: snapshotForm, withoutIndexes: false });
    if (choice.wantsIndexes && this.#parts.isBuilding(partition)) {
      choice.snapshot?.close();
      this.#waiting.set(tag, { partition, snapshotForm });
    } else {
      this.#start(tag, { segments, choice });
    }
  }

  /** Every index of the partition that was asked for is there, or cannot be built. */
  indexesAreBuilt(partition: PartitionId): void {
    const segments = this.#parts.segmentsOf(partition);
    for (const [tag, { snapshotForm, ...waiting }] of this.#waiting) {
      if (waiting.partition !== partition) continue;
      this.#waiting.delete(tag);
      try {
        const choice = chooseSnapshot(segments, { form: snapshotForm, withoutIndexes: false });
        this.#start(tag, { segments, choice });
      } catch (error) {
        this.end(tag);
        this.#parts.reply({ op: 'failed', tag, ...readFailureOf(error, 'broken') });
      }
    }
  }

  /** The next part. */
  proceed(tag: number): void {
    const running = this.#running.get(tag);
    // Ended, or replaced by a newer one while the request was on its way.
    if (running === undefined) return;
    const { replay, partition, snapshot, indexed } = running;
    const section = snapshot?.next() ?? null;
    if (section !== null) {
      this.#parts.reply({ op: 'replay-section', tag, section, done: snapshot!.done * replay.done });
      return;
    }
    snapshot?.close();
    running.snapshot = null;
    const batch = replay.next();
    if (batch !== null) {
      this.#parts.reply({ op: 'replay-batch', tag, batch, done: replay.done });
      return;
    }
    this.#running.delete(tag);
    this.#parts.reply({ op: 'replay-done', tag, last: replay.last });
    this.#parts.done(this.#parts.segmentsOf(partition), { first: replay.first, indexed });
    this.#parts.ended();
  }

  end(tag: number): void {
    this.#running.get(tag)?.snapshot?.close();
    this.#running.delete(tag);
    this.#parts.ended();
  }

  endOf(partition: PartitionId): void {
    for (const [tag, running] of this.#running) if (running.partition === partition) this.end(tag);
  }

  endAll(): void {
    for (const tag of [...this.#running.keys()]) this.end(tag);
  }

  #start(tag: number, { segments, choice }: { readonly segments: PartitionSegments; readonly choice: Choice }): void {
    const { partition } = segments;
    const { snapshot, damaged } = choice;
    const mark = segments.open === null && !hasMark(segments.dir) ? logStart : readMark(segments.dir, partition);
    const outline = segments.outline();
    const indexed = new Set(outline.filter(({ filter }) => filter !== null).map(({ first }) => first));
    const from = snapshot?.header.position ?? segments.beginning;
    this.#running.set(tag, { replay: new Replay(segments, { mark, from }), partition, snapshot, indexed });
    this.#parts.reply({ op: 'replay-start', tag, segments: outline, damaged });
    this.proceed(tag);
    this.proceed(tag);
  }
}
