/**
 * Log reader: everything that is read from the log, so that neither the actors nor the writer ever wait for a page.
 *
 * - *Replay* of a partition, part by part as its actor takes them in: the newest snapshot, then the records since.
 * - *Bodies* of events that are about to be due, in one sorted pass.
 * - *View* and *history* of one event: a walk along `prev` from its newest record, across segments.
 * - *Changes* of the past, for status streams that go on from an earlier place.
 * - *Lists* of finished events, a slice at a time, and the views that lists show.
 * - *Facts* about finished events, through the indexes of sealed segments; of very many that are to be put back, pages of records.
 * - *Retirement* of the oldest segment: what has to be carried forward out of it, and its removal.
 * - *Verification* of segments that a start from a snapshot has passed over, in the background.
 * - *Checkpoints*, when the writer asks: passive, on a connection of their own, so that no commit waits.
 *
 * It sees to it that each sealed segment gets an index (`protocol.ts` has the order), also of those that it finds without
 * one when a partition is replayed. During a replay word of a new index waits until the replay is done, because the actor
 * remembers finished events as it meets them, and would otherwise be told to forget what it has yet to learn. A replay waits for
 * indexes that are being built when a snapshot can be used once they are there.
 *
 * Every answer carries the tag of its request; a read that fails, fails alone. No port, thread or timer in here.
 */
import { historyOf, viewOf } from '../event/view.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { encodeMessages } from '../kernel/message-codec.js';
import { Checkpointers } from './checkpointers.js';
import { ChangeSlices } from './reading/change-slices.js';
import { readFailureOf } from './damage.js';
import { bodiesOf, findById, findByKey, listedView, recordsOfEvent, storedFacts } from './reading/event-lookup.js';
import { listFinished } from './reading/finished-list.js';
import { tallyOf } from './reading/finished-tally.js';
import { HandleCache } from './reading/handle-cache.js';
import { PartitionSegments } from './reading/partition-segments.js';
import type { LogOptions, PoolReply, PoolRequest, ReaderReply, ReaderRequest, SegmentNotice, SegmentTask } from './protocol.js';
import { Replays } from './replays.js';
import { bundlesOf, outdatedSegment, removeBefore, sweepBefore } from './reading/retirement.js';
import { finalsOfIndexed, retriesOfKnown } from './reading/retry-pages.js';
import type { SegmentIndex } from './index/segment-index.js';
import type { SegmentReader } from './segment/segment-reader.js';
import { matchesOf } from './reading/spec-walk.js';

/** Open segments beside one for each partition: a file in WAL mode takes three descriptors. */
const spareReadersMax = 16;
/** Open indexes; one descriptor each. */
const indexesMax = 32;

export interface LogReaderParts {
  readonly options: Pick<LogOptions, 'dataDir' | 'partitions'>;
  readonly reply: (reply: ReaderReply) => void;
  /** Have an index built or a snapshot taken; `poolDone` is to be called when that has ended. */
  readonly pool: (request: PoolRequest) => void;
}

export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #readers: HandleCache<SegmentReader>;
  readonly #indexes = new HandleCache<SegmentIndex>(indexesMax);
  readonly #partitions = new Map<PartitionId, PartitionSegments>();
  readonly #checkpointers = new Checkpointers();
  readonly #replays: Replays;
  /** First sequences of segments whose index is being built. */
  readonly #underWay = new Map<PartitionId, Set<Sequence>>();
  readonly #changeSlices = new ChangeSlices();
  /** Sealed segments that no replay of this process has read. */
  #unverified: SegmentTask[] = [];
  #isVerifying = false;
  /** Tags of those who wait for a snapshot. */
  readonly #snapshots = new Map<PartitionId, number>();

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
    this.#readers = new HandleCache(parts.options.partitions.length + spareReadersMax);
    this.#replays = new Replays({
      reply: parts.reply,
      segmentsOf: (partition) => this.#segmentsOf(partition),
      isBuilding: (partition) => (this.#underWay.get(partition)?.size ?? 0) > 0,
      done: (segments, replayed) => this.#replayed(segments, replayed),
      ended: () => this.#verifyNext(),
    });
  }

  /** Answers by `reply`, mostly before it returns. */
  handle(request: Exclude<ReaderRequest, { readonly op: 'close' }>): void {
    try {
      this.#answer(request);
    } catch (error) {
      const isReplay = request.op === 'replay' || request.op === 'replay-next';
      if (isReplay) this.#replays.end(request.tag);
      this.#parts.reply({ op: 'failed', tag: request.tag, ...readFailureOf(error, isReplay ? 'broken' : 'damaged') });
    }
  }

  /** From the log writer. */
  notice(notice: SegmentNotice): void {
    const segments = this.#partitions.get(notice.partition);
    // Before its replay nothing of a partition is open or known; the replay finds everything by itself.
    if (segments === undefined) return;
    if (notice.op === 'checkpoint') {
      if (segments.open !== null) this.#checkpointers.checkpoint(segments.partition, segments.open);
    } else if (notice.op === 'replaced') {
      this.#forget(segments);
    } else {
      segments.refresh();
      this.#checkpointers.close(segments.partition);
      this.#askForIndexes(segments);
    }
  }

  /** A pool task has ended. */
  poolDone(done: PoolReply): void {
    if (done.op === 'index') {
      this.#indexed(done);
    } else if (done.op === 'verify') {
      this.#isVerifying = false;
      this.#verifyNext();
    } else {
      const { partition } = done.task;
      const tag = this.#snapshots.get(partition);
      this.#snapshots.delete(partition);
      if (tag !== undefined) this.#parts.reply({ op: 'snapshot-taken', tag, detail: done.detail });
    }
  }

  /** One that failed is tried again at the next replay; until then the actor remembers. */
  #indexed({ task, detail }: { readonly task: SegmentTask; readonly detail: string | null }): void {
    const { partition, first, next } = task;
    this.#underWay.get(partition)?.delete(first);
    const segments = this.#partitions.get(partition);
    if (segments === undefined) return;
    if (detail === null) segments.findIndexes();
    if (segments.hasIndex(first) && !this.#replays.has(partition)) this.#tellIndexed(segments, { first, next });
    if (this.#underWay.get(partition)?.size === 0) this.#replays.indexesAreBuilt(partition);
  }

  #tellIndexed(segments: PartitionSegments, { first, next }: { readonly first: Sequence; readonly next: Sequence }): void {
    const { partition } = segments;
    const filter = segments.filterOf(first);
    if (filter !== null) this.#parts.reply({ op: 'indexed', partition, first, next, filter });
  }

  close(): void {
    this.#unverified = [];
    this.#replays.endAll();
    this.#readers.close();
    this.#indexes.close();
    this.#checkpointers.closeAll();
  }

  #answer(request: Exclude<ReaderRequest, { readonly op: 'close' }>): void {
    const { tag } = request;
    switch (request.op) {
      case 'replay':
        this.#askForReplay(request);
        return;
      case 'replay-next':
        this.#replays.proceed(tag);
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
      case 'outdated': {
        const outdated = outdatedSegment(this.#segmentsOf(request.partition), request.endedBefore);
        const segment = outdated === null ? null : { first: outdated.name.first, next: outdated.next };
        this.#parts.reply({ op: 'outdated', tag, segment });
        return;
      }
      case 'not-over':
        this.#parts.reply({ op: 'not-over', tag, events: this.#segmentsOf(request.partition).notOver(request.first, request) });
        return;
      case 'bundle':
        this.#parts.reply({ op: 'bundles', tag, bundles: bundlesOf(this.#segmentsOf(request.partition), request) });
        return;
      case 'remove':
        removeBefore(this.#segmentsOf(request.partition), request.first);
        this.#parts.reply({ op: 'removed', tag });
        return;
      case 'snapshot': {
        const { partition, upTo } = request;
        this.#snapshots.set(partition, tag);
        this.#parts.pool({ op: 'snapshot', task: { dataDir: this.#parts.options.dataDir, partition, upTo } });
        return;
      }
      case 'list':
        this.#parts.reply({ op: 'listed', tag, ...listFinished(this.#segmentsOf(request.partition), request.query) });
        return;
      case 'tally':
        this.#parts.reply({ op: 'tally', tag, tally: tallyOf(this.#segmentsOf(request.partition), request) });
        return;
      case 'facts': {
        const segments = this.#segmentsOf(request.partition);
        const facts = request.events.flatMap((event) => storedFacts(segments, event) ?? []);
        this.#parts.reply({ op: 'facts', tag, facts: encodeMessages(facts) });
        return;
      }
      case 'match': {
        const { seqs, filter, partition } = request;
        this.#parts.reply({ op: 'matches', tag, matches: matchesOf(this.#segmentsOf(partition), { seqs, filter }) });
        return;
      }
      case 'retries':
        this.#parts.reply({ op: 'retries', tag, ...retriesOfKnown(this.#segmentsOf(request.partition), request) });
        return;
      case 'indexed-finals':
        this.#parts.reply({ op: 'indexed-finals', tag, ...finalsOfIndexed(this.#segmentsOf(request.partition), request) });
        return;
      case 'views': {
        const segments = this.#segmentsOf(request.partition);
        this.#parts.reply({ op: 'views', tag, views: request.events.map((event) => listedView(segments, event)) });
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

  #askForReplay(request: Extract<ReaderRequest, { op: 'replay' }>): void {
    const { partition } = request;
    this.#replays.giveWay(partition);
    const segments = this.#segmentsOf(partition);
    segments.refresh();
    sweepBefore(segments.dir, segments.first);
    segments.findIndexes();
    this.#askForIndexes(segments);
    this.#replays.begin(request);
  }

  /** Word of the indexes that were built meanwhile, which waited for it. */
  #replayed(
    segments: PartitionSegments,
    { first, indexed }: { readonly first: Sequence; readonly indexed: ReadonlySet<Sequence> },
  ): void {
    this.#verifyBefore(segments, first);
    for (const { name, next } of segments.sealed()) {
      if (!indexed.has(name.first)) this.#tellIndexed(segments, { first: name.first, next });
    }
  }

  /** What the snapshot stood for has not been read: once behind the start, one segment after the other. */
  #verifyBefore(segments: PartitionSegments, first: Sequence): void {
    const { dataDir } = this.#parts.options;
    const { partition } = segments;
    this.#unverified = this.#unverified.filter((task) => task.partition !== partition);
    for (const { name, next } of segments.sealed()) {
      if (name.first < first) this.#unverified.push({ dataDir, partition, first: name.first, next });
    }
  }

  /** Not beside a replay, which it would take a core from while everybody waits for it. */
  #verifyNext(): void {
    if (this.#isVerifying || !this.#replays.isIdle) return;
    const task = this.#unverified.shift();
    if (task === undefined) return;
    this.#isVerifying = true;
    this.#parts.pool({ op: 'verify', task });
  }

  #askForIndexes(segments: PartitionSegments): void {
    const { partition } = segments;
    const underWay = this.#underWay.get(partition) ?? new Set();
    this.#underWay.set(partition, underWay);
    for (const { name, next } of segments.sealed()) {
      if (segments.hasIndex(name.first) || underWay.has(name.first)) continue;
      underWay.add(name.first);
      segments.release(name);
      const { dataDir } = this.#parts.options;
      this.#parts.pool({ op: 'index', task: { dataDir, partition, first: name.first, next } });
    }
  }

  /** Whoever asks next finds what is there then. */
  #forget(segments: PartitionSegments): void {
    const { partition } = segments;
    for (const name of segments.names) segments.release(name);
    this.#replays.endOf(partition);
    this.#checkpointers.close(partition);
    this.#underWay.delete(partition);
    this.#partitions.delete(partition);
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
