/**
 * Log reader: everything that is read from the log, so that neither the actors nor the writer ever wait for a page.
 *
 * - *Replay* of a partition, batch by batch as its actor takes them in.
 * - *Bodies* of events that are about to be due, in one sorted pass.
 * - *View* and *history* of one event: a walk along `prev` from its newest record, across segments.
 * - *Changes* of the past, for status streams that go on from an earlier place.
 * - *Facts* about finished events, through the indexes of sealed segments.
 * - *Checkpoints*, when the writer asks: passive, on a connection of their own, so that no commit waits.
 *
 * It sees to it that each sealed segment gets an index (`protocol.ts` has the order), also of those that it finds without
 * one when a partition is replayed. During a replay word of a new index waits until the replay is done, because the actor
 * remembers finished events as it meets them, and would otherwise be told to forget what it has yet to learn.
 *
 * Every answer carries the tag of its request; a read that fails, fails alone. No port, thread or timer in here.
 */
import { historyOf, viewOf } from '../event/view.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { encodeMessages } from '../kernel/message-codec.js';
import { ChangeSlices } from './change-slices.js';
import { readFailureOf } from './damage.js';
import { bodiesOf, findById, findByKey, recordsOfEvent } from './event-lookup.js';
import { HandleCache } from './handle-cache.js';
import { hasMark, logStart, readMark } from './mark.js';
import { PartitionSegments } from './partition-segments.js';
import type { IndexReply, IndexTask, LogOptions, ReaderReply, ReaderRequest, SegmentNotice } from './protocol.js';
import { Replay } from './replay.js';
import { runCheckpoint } from './segment.js';
import type { SegmentName } from './segment-files.js';
import type { SegmentIndex } from './segment-index.js';
import type { SegmentReader } from './segment-reader.js';
import { type Database, openDatabase, storageFaultOf } from './sqlite.js';

/** Open segments beside one for each partition: a file in WAL mode takes three descriptors. */
const spareReadersMax = 16;
/** Open indexes; one descriptor each. */
const indexesMax = 32;

export interface LogReaderParts {
  readonly options: Pick<LogOptions, 'dataDir' | 'partitions'>;
  readonly reply: (reply: ReaderReply) => void;
  /** Have an index built; `indexed` is to be called when it is there. */
  readonly index: (task: IndexTask) => void;
}

interface RunningReplay {
  readonly replay: Replay;
  readonly partition: PartitionId;
  readonly indexedBefore: Sequence;
}

interface Checkpointer {
  readonly name: SegmentName;
  readonly database: Database;
}

export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #readers: HandleCache<SegmentReader>;
  readonly #indexes = new HandleCache<SegmentIndex>(indexesMax);
  readonly #partitions = new Map<PartitionId, PartitionSegments>();
  readonly #checkpointers = new Map<PartitionId, Checkpointer>();
  /** By tag. */
  readonly #replays = new Map<number, RunningReplay>();
  /** First sequences of segments whose index is being built. */
  readonly #underWay = new Map<PartitionId, Set<Sequence>>();
  readonly #changeSlices = new ChangeSlices();

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
    this.#readers = new HandleCache(parts.options.partitions.length + spareReadersMax);
  }

  /** Answers by `reply`, mostly before it returns. */
  handle(request: Exclude<ReaderRequest, { readonly op: 'close' }>): void {
    try {
      this.#answer(request);
    } catch (error) {
      const isReplay = request.op === 'replay' || request.op === 'replay-next';
      if (isReplay) this.#replays.delete(request.tag);
      this.#parts.reply({ op: 'failed', tag: request.tag, ...readFailureOf(error, isReplay ? 'broken' : 'damaged') });
    }
  }

  /** From the log writer. */
  notice(notice: SegmentNotice): void {
    const segments = this.#partitions.get(notice.partition);
    // Before its replay nothing of a partition is open or known; the replay finds everything by itself.
    if (segments === undefined) return;
    if (notice.op === 'checkpoint') this.#checkpoint(segments);
    else {
      segments.refresh();
      this.#closeCheckpointer(segments.partition);
      this.#askForIndexes(segments);
    }
  }

  /** A pool task has ended. One that failed is tried again at the next replay; until then the actor remembers. */
  indexed({ task, detail }: IndexReply): void {
    const { partition, first, next } = task;
    this.#underWay.get(partition)?.delete(first);
    const segments = this.#partitions.get(partition);
    if (segments === undefined || detail !== null) return;
    segments.findIndexes();
    if (segments.hasIndex(first) && !this.#isReplaying(partition)) this.#parts.reply({ op: 'indexed', partition, first, next });
  }

  close(): void {
    this.#readers.close();
    this.#indexes.close();
    for (const partition of [...this.#checkpointers.keys()]) this.#closeCheckpointer(partition);
  }

  #answer(request: Exclude<ReaderRequest, { readonly op: 'close' }>): void {
    const { tag } = request;
    switch (request.op) {
      case 'replay':
        this.#beginReplay(request.partition, tag);
        return;
      case 'replay-next':
        this.#continueReplay(tag);
        return;
      case 'bodies':
        this.#parts.reply({ op: 'bodies', tag, ...bodiesOf(this.#segmentsOf(request.partition), request.seqs) });
        return;
      case 'view': {
        const records = recordsOfEvent(this.#segmentsOf(request.partition), request.newest);
        this.#parts.reply({ op: 'view', tag, view: viewOf(records, request.partition) });
        return;
      }
      case 'history': {
        const records = recordsOfEvent(this.#segmentsOf(request.partition), request.newest);
        this.#parts.reply({ op: 'history', tag, entries: historyOf(records) });
        return;
      }
      case 'changes': {
        const { after, through, changes } = this.#changeSlices.read(this.#segmentsOf(request.partition), request);
        this.#parts.reply({ op: 'changes', tag, after, through, changes: encodeMessages(changes) });
        return;
      }
      case 'find-id':
        this.#parts.reply({ op: 'found', tag, finished: findById(this.#segmentsOf(request.partition), request.event) });
        return;
      case 'find-key':
        this.#parts.reply({ op: 'found', tag, finished: findByKey(this.#segmentsOf(request.partition), request) });
        return;
    }
  }

  #beginReplay(partition: PartitionId, tag: number): void {
    for (const [other, running] of this.#replays) {
      if (running.partition === partition) this.#replays.delete(other);
    }
    const segments = this.#segmentsOf(partition);
    segments.refresh();
    segments.findIndexes();
    this.#askForIndexes(segments);
    const mark = segments.open === null && !hasMark(segments.dir) ? logStart : readMark(segments.dir, partition);
    const indexedBefore = segments.indexedBefore;
    this.#replays.set(tag, { replay: new Replay(segments, mark), partition, indexedBefore });
    this.#continueReplay(tag);
    // One batch is under way while the actor takes in the other.
    this.#continueReplay(tag);
  }

  #continueReplay(tag: number): void {
    const running = this.#replays.get(tag);
    // Ended, or replaced by a newer one while the request was on its way.
    if (running === undefined) return;
    const { replay, partition, indexedBefore } = running;
    const batch = replay.next();
    if (batch !== null) {
      this.#parts.reply({ op: 'replay-batch', tag, batch, indexedBefore, done: replay.done });
      return;
    }
    this.#replays.delete(tag);
    const segments = this.#segmentsOf(partition);
    this.#parts.reply({ op: 'replay-done', tag, last: replay.last, segmentFirst: segments.open?.first ?? (1 as Sequence) });
    for (const { name, next } of segments.sealed()) {
      if (name.first >= indexedBefore && segments.hasIndex(name.first)) {
        this.#parts.reply({ op: 'indexed', partition, first: name.first, next });
      }
    }
  }

  #isReplaying(partition: PartitionId): boolean {
    for (const running of this.#replays.values()) {
      if (running.partition === partition) return true;
    }
    return false;
  }

  #askForIndexes(segments: PartitionSegments): void {
    const { partition } = segments;
    const underWay = this.#underWay.get(partition) ?? new Set();
    this.#underWay.set(partition, underWay);
    for (const { name, next } of segments.sealed()) {
      if (segments.hasIndex(name.first) || underWay.has(name.first)) continue;
      underWay.add(name.first);
      segments.release(name);
      this.#parts.index({ dataDir: this.#parts.options.dataDir, partition, first: name.first, next });
    }
  }

  #checkpoint(segments: PartitionSegments): void {
    const name = segments.open;
    if (name === null) return;
    try {
      runCheckpoint(this.#checkpointerOf(segments.partition, name).database, 'passive');
    } catch (error) {
      // The writer moves what stays behind, and meets the same error with more to say about it.
      if (storageFaultOf(error) === null) throw error;
      this.#closeCheckpointer(segments.partition);
    }
  }

  #checkpointerOf(partition: PartitionId, name: SegmentName): Checkpointer {
    const known = this.#checkpointers.get(partition);
    if (known !== undefined && known.name.path === name.path) return known;
    this.#closeCheckpointer(partition);
    const opened = { name, database: openDatabase(name.path, { mode: 'write' }) };
    this.#checkpointers.set(partition, opened);
    return opened;
  }

  #closeCheckpointer(partition: PartitionId): void {
    this.#checkpointers.get(partition)?.database.close();
    this.#checkpointers.delete(partition);
  }

  #segmentsOf(partition: PartitionId): PartitionSegments {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const { dataDir, partitions } = this.#parts.options;
    invariant(partitions.includes(partition), () => `partition ${partition} is not one of this reader`);
    const segments = new PartitionSegments({ dataDir, partition, readers: this.#readers, indexes: this.#indexes });
    segments.findIndexes();
    this.#partitions.set(partition, segments);
    return segments;
  }
}
