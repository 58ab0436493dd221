/**
 * Between an actor host and its two disk threads, the log writer and the reader. Plain objects over MessagePorts; a `batch`
 * is moved, not cloned. What a host has for its writer in one turn is one message, and so is what its writer has to say behind some commits.
 *
 *     host --WriterRequests-> writer --SegmentNotice--> reader --PoolRequest--> main, which runs pool tasks
 *     host <--WriterReplies-- writer                    reader <--PoolReply---- main
 *     host <------------ReaderRequest, ReaderReply----> reader
 *
 * The writer alone appends, in the order in which it is told; the reader only ever reads what a `durable` has announced.
 *
 * A sealed segment gets its index in this order: the writer seals it and tells the reader; the reader asks the main thread
 * for a pool task; when the file is there the reader opens it and only then tells the host (`indexed`), which may now
 * forget what it remembered of the segment's finished events. So there is no moment at which neither knows them. An index
 * that is missing or unreadable at start takes the same way.
 */
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import type { EventFilter } from '../event/event-filter.js';
import type { LabelHashes, Tally } from '../event/label-filter.js';
import type { ListPlace, ListSpan } from '../event/event-list.js';
import type { EventStatus } from '../event/status.js';
import type { HistoryEntry, EventView } from '../event/view.js';
import type { DamageScope } from './damage.js';
import type { FilterWords } from './index/segment-filter.js';

// ---- log writer ----

export type WriterRequest = LogRequest | ReplicaRequest;

export type LogRequest =
  /** Records of one partition with consecutive sequences, as `record-batch.ts` lays them out. */
  | {
      readonly op: 'append';
      readonly partition: PartitionId;
      readonly batch: Uint8Array<ArrayBuffer>;
      /** As in `SummedBatch`. */
      readonly crcs?: readonly number[];
    }
  /** After every replay: make sure that all of it is on disk and go on behind `after`; when a commit has failed, in a new segment
   *  unless the failure was a full disk. Answered by `reopened` or `failed`; before that the partition is not used. */
  | { readonly op: 'reopen'; readonly partition: PartitionId; readonly after: Sequence }
  /** Commit what has come, checkpoint, close the files; the thread's task ends. */
  | { readonly op: 'close' };

/** In a cluster, where a replica stands between the host and the log writer (`cluster/journal/replica.ts`). */
export type ReplicaRequest =
  /** Keep the copy of the log as the journal goes on, or no longer. Tells `following` now and then. */
  | { readonly op: 'follow'; readonly partition: PartitionId; readonly on: boolean }
  /** Take in what the journal has, and open it anew under this epoch. Answered by `owned`, `lost` or `stuck`; only then `append`. */
  | { readonly op: 'own'; readonly partition: PartitionId; readonly epoch: number }
  /** Everything that has come is to be durable, and then the end is written into the journal. Answered by `released`, `lost` or `stuck`. */
  | { readonly op: 'release'; readonly partition: PartitionId }
  /** At once: nothing more is written. Not answered. */
  | { readonly op: 'drop'; readonly partition: PartitionId }
  /** Retention has removed what was before `first`. */
  | { readonly op: 'floor'; readonly partition: PartitionId; readonly first: Sequence }
  /** A replay has found that the copy is not what was written: it is to be set aside, so that the cluster gives another one. Not answered. */
  | { readonly op: 'discard'; readonly partition: PartitionId; readonly detail: string };

/** What a failed commit was. `disk-full`: rolled back whole, nothing of it is stored. `io`: what is stored is not known. */
export type WriteFailure = 'disk-full' | 'io';

/** `refuse`: no new work; `stop`: not even outcomes fit any more, so nothing may start. */
export type SpaceLevel = 'ok' | 'refuse' | 'stop';

export type WriterReply = LogReply | ReplicaReply;

export type LogReply =
  /** Everything up to `seq` has been fsynced (or handed to the system, with durability `os`). */
  | { readonly op: 'durable'; readonly partition: PartitionId; readonly seq: Sequence; readonly commitMs: number }
  /** Nothing behind `durable` counts; requests for this partition are dropped until `reopen`. */
  | {
      readonly op: 'failed';
      readonly partition: PartitionId;
      readonly durable: Sequence;
      readonly failure: WriteFailure;
      /** What is there is not what was written. */
      readonly isDamage: boolean;
      readonly detail: string;
    }
  | { readonly op: 'reopened'; readonly partition: PartitionId }
  /** The segment that opened with `first` is complete and ends before `next`. It is not indexed yet. */
  | { readonly op: 'sealed'; readonly partition: PartitionId; readonly first: Sequence; readonly next: Sequence }
  /** Whether somebody reads an old state of the log and does not stop, so that its -wal file grows. */
  | { readonly op: 'held'; readonly partition: PartitionId; readonly isHeld: boolean; readonly walBytes: number }
  | { readonly op: 'space'; readonly level: SpaceLevel; readonly freeBytes: number };

export type ReplicaReply =
  /** `losses`: how often, in the life of the partition, the journal was not what a node knew of it. */
  | { readonly op: 'owned'; readonly partition: PartitionId; readonly epoch: number; readonly losses: number }
  | { readonly op: 'released'; readonly partition: PartitionId; readonly epoch: number }
  /** Somebody else has opened the journal since, or it `hasShrunk`: it ends before what was written here. Nothing behind what was durable counts. */
  | {
      readonly op: 'lost';
      readonly partition: PartitionId;
      readonly epoch: number;
      readonly detail: string;
      readonly hasShrunk: boolean;
    }
  /** This node can neither own nor follow it: its disk, or an entry of the journal, is not as it should be. */
  | { readonly op: 'stuck'; readonly partition: PartitionId; readonly detail: string }
  /** Entries of the journal that the copy does not have yet (null: not known at the moment), and where it ends. */
  | { readonly op: 'following'; readonly partition: PartitionId; readonly lag: number | null; readonly last: Sequence }
  /** The owner has removed what was before `first`. */
  | { readonly op: 'floor'; readonly partition: PartitionId; readonly first: Sequence }
  /** Journal and copy were not the same: what was acknowledged may be gone, or was written again. */
  | { readonly op: 'regressed'; readonly partition: PartitionId; readonly detail: string }
  /** For the operator: the copy on this node was of no use and is made anew from what the cluster has, bases cannot be written, or it took long until it was owned. Nothing is lost. */
  | { readonly op: 'copy-note'; readonly partition: PartitionId; readonly detail: string };

// ---- writer to reader ----

export type SegmentNotice =
  /** A segment that opens with `first` takes the appends now; older ones end before it, whatever else is in their files. */
  | { readonly op: 'opened'; readonly partition: PartitionId; readonly first: Sequence }
  /** Enough has been appended to the open segment, or nothing for a while: fold its -wal file into the main file. */
  | { readonly op: 'checkpoint'; readonly partition: PartitionId }
  /** In a cluster: its files are others than before. */
  | { readonly op: 'replaced'; readonly partition: PartitionId };

// ---- reader to the main thread, which owns the pool ----

/** `index`: run `indexSegment` of `log/index-task.ts`; `verify`: `verifySegment` of `log/verify-task.ts`; `snapshot`: `takeSnapshot` of
 *  `partition/snapshot-task.ts`. */
export type PoolRequest =
  | { readonly op: 'index' | 'verify'; readonly task: SegmentTask }
  | { readonly op: 'snapshot'; readonly task: SnapshotTask };
/** `detail` is null when it was done. */
export type PoolReply = PoolRequest & { readonly detail: string | null };

export interface SnapshotTask {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly upTo: Sequence;
}

export interface SegmentTask {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly first: Sequence;
  readonly next: Sequence;
}

// ---- reader ----

/** `tag` comes back with the answer; the asker chooses it. */
export type ReaderRequest =
  /** Everything from which the partition's memory is made, verified: `replay-start`, then the sections of the newest snapshot of
   *  this form, if there is one, the records behind it, and `replay-done`. One part at a time is sent ahead. */
  | { readonly op: 'replay'; readonly tag: number; readonly partition: PartitionId; readonly snapshotForm: number }
  /** The actor has taken a part in: send the next. Keeps replay from filling memory. */
  | { readonly op: 'replay-next'; readonly tag: number }
  /** Specs, out of the records that carry one (`accepted`, `changed`, `retried`). */
  | { readonly op: 'bodies'; readonly tag: number; readonly partition: PartitionId; readonly seqs: readonly Sequence[] }
  /** An event folded from the record `newest` back to its first. */
  | { readonly op: 'view'; readonly tag: number; readonly partition: PartitionId; readonly newest: Sequence }
  | { readonly op: 'history'; readonly tag: number; readonly partition: PartitionId; readonly newest: Sequence }
  /** Status changes of the records behind `after` up to `upTo`, a slice of them (`change-slices.ts`). */
  | {
      readonly op: 'changes';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly after: Sequence;
      readonly upTo: Sequence;
    }
  /** Finished events in indexed segments, in the order of a list: a slice of it. */
  | { readonly op: 'list'; readonly tag: number; readonly partition: PartitionId; readonly query: ListSpan }
  /** Events folded from their newest records, without headers and payload. */
  | { readonly op: 'views'; readonly tag: number; readonly partition: PartitionId; readonly events: readonly NewestRecord[] }
  /** How many finished events of these labels the indexes of these segments know; without those of `doubtful`, which are in memory. */
  | {
      readonly op: 'tally';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly labels: LabelHashes;
      readonly indexed: readonly Sequence[];
      readonly doubtful: readonly EventId[];
    }
  /** What is known of finished events, many at once. */
  | { readonly op: 'facts'; readonly tag: number; readonly partition: PartitionId; readonly events: readonly NewestRecord[] }
  /** Which of these specs have the texts that a filter asks for? As for `bodies`, in the order of the log. Answered by `matches` for the
   *  first of them, as many as are good for one message. */
  | {
      readonly op: 'match';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly seqs: readonly Sequence[];
      readonly filter: EventFilter;
    }
  /** Finished events that memory knows (`retry-sheaf.ts`), to be put back if their texts match. Answered by `retries` for the first of
   *  them, as many as are good for one message. */
  | {
      readonly op: 'retries';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly known: Uint8Array;
      readonly filter: EventFilter;
    }
  /** The next finished events in indexed segments behind `after`, as far as columns say whether they match. Answered by `indexed-finals`; a
   *  question for their retries may follow. */
  | {
      readonly op: 'indexed-finals';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly after: RetriablePlace | null;
      readonly filter: EventFilter;
    }
  /** Finished events in indexed segments: the newest final record of an id. */
  | { readonly op: 'find-id'; readonly tag: number; readonly partition: PartitionId; readonly event: EventId }
  /** The same by key tag: every candidate, newest first; the asker verifies the texts. */
  | {
      readonly op: 'find-key';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly tagHigh: number;
      readonly tagLow: number;
    }
  /** The oldest segment, if it ended before `endedBefore`: answered by `outdated`. */
  | { readonly op: 'outdated'; readonly tag: number; readonly partition: PartitionId; readonly endedBefore: WallMs }
  /** Events that were not over at the end of the segment that opens with `first`, behind `after`: answered by `not-over`. */
  | {
      readonly op: 'not-over';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly first: Sequence;
      readonly after: EventId;
      readonly limit: number;
    }
  /** Events to be carried forward because they reach back before `before`: answered by `bundles`. */
  | {
      readonly op: 'bundle';
      readonly tag: number;
      readonly partition: PartitionId;
      readonly events: readonly BundleQuestion[];
      readonly before: Sequence;
    }
  /** Remove every segment before the one that opens with `first`: answered by `removed` when nothing can bring them back. */
  | { readonly op: 'remove'; readonly tag: number; readonly partition: PartitionId; readonly first: Sequence }
  /** Have a snapshot taken at `upTo`, which is durable. Answered by `snapshot-taken` when it is there. */
  | { readonly op: 'snapshot'; readonly tag: number; readonly partition: PartitionId; readonly upTo: Sequence }
  /** Answer what has come, close the files; the thread's task ends. */
  | { readonly op: 'close' };

/** `newest`: its newest record; null of one that has finished in an indexed segment. */
export interface BundleQuestion {
  readonly event: EventId;
  readonly newest: Sequence | null;
}

/** `body` of a `carried` record for all records of the event up to `newest`. */
export interface Bundle {
  readonly event: EventId;
  readonly newest: Sequence;
  readonly body: Uint8Array;
}

/** A segment as a replay begins. */
export interface SegmentOutline {
  readonly first: Sequence;
  /** Null for the open one. */
  readonly next: Sequence | null;
  /** Final records in it are found through its index and need not be remembered. Null: it has none yet. */
  readonly filter: FilterWords | null;
}

export type ReaderReply =
  /** Segments, oldest first. What comes behind it is a snapshot or starts with the first record that there is. `damaged`: what is wrong with
   *  newer snapshots, which are passed over. */
  | {
      readonly op: 'replay-start';
      readonly tag: number;
      readonly segments: readonly SegmentOutline[];
      readonly damaged: readonly string[];
    }
  /** Of a snapshot (`partition/snapshot.ts`). */
  | { readonly op: 'replay-section'; readonly tag: number; readonly section: Uint8Array<ArrayBuffer>; readonly done: number }
  /** `batch` in the layout of `record-batch.ts`; consecutive, starting where the last one, or the snapshot, ended. */
  | { readonly op: 'replay-batch'; readonly tag: number; readonly batch: Uint8Array<ArrayBuffer>; readonly done: number }
  /** `last`: the newest durable sequence (0 for an empty log). */
  | { readonly op: 'replay-done'; readonly tag: number; readonly last: Sequence }
  | {
      readonly op: 'outdated';
      readonly tag: number;
      readonly segment: { readonly first: Sequence; readonly next: Sequence } | null;
    }
  | { readonly op: 'not-over'; readonly tag: number; readonly events: readonly EventId[] }
  /** Of the first events asked about, in order; null: it does not reach back so far, or has not gone on since. */
  | { readonly op: 'bundles'; readonly tag: number; readonly bundles: readonly (Bundle | null)[] }
  | { readonly op: 'removed'; readonly tag: number }
  /** `detail`: why there is none; null when it is there. */
  | { readonly op: 'snapshot-taken'; readonly tag: number; readonly detail: string | null }
  /** In the order asked, views into one buffer. Those of `damaged` are empty, which no body is. */
  | { readonly op: 'bodies'; readonly tag: number; readonly bodies: readonly Uint8Array[]; readonly damaged: readonly Sequence[] }
  | { readonly op: 'view'; readonly tag: number; readonly view: EventView }
  | { readonly op: 'history'; readonly tag: number; readonly entries: readonly HistoryEntry[] }
  /** `entries` as `ListEntries` lays them out. */
  | { readonly op: 'listed'; readonly tag: number; readonly entries: Uint8Array; readonly coverage: ListPlace | 'end' }
  | { readonly op: 'tally'; readonly tag: number; readonly tally: Tally }
  /** `StoredFacts` as messages; without those that are damaged or no longer there. */
  | { readonly op: 'facts'; readonly tag: number; readonly facts: Uint8Array }
  /** Of the first ones asked for, in order: 1 or 0; 0 for one that is damaged. */
  | { readonly op: 'matches'; readonly tag: number; readonly matches: Uint8Array }
  /** `sheaf` as in `retry-sheaf.ts`; `looked`: so many of those asked for have been looked at. */
  | { readonly op: 'retries'; readonly tag: number; readonly sheaf: Uint8Array<ArrayBuffer>; readonly looked: number }
  /** `known` as in `known-finals.ts`, the newest final of each event as far as indexes know; `until`: so far has been looked. */
  | {
      readonly op: 'indexed-finals';
      readonly tag: number;
      readonly known: Uint8Array<ArrayBuffer>;
      readonly until: RetriablePlace | 'end';
    }
  /** In the order asked; null: damaged, or no longer there. */
  | { readonly op: 'views'; readonly tag: number; readonly views: readonly (EventView | null)[] }
  /** `changes`: messages as bytes, since whoever asked for them only hands them on. The rest as in `ChangeSlice`. */
  | {
      readonly op: 'changes';
      readonly tag: number;
      readonly after: Sequence;
      readonly through: Sequence;
      readonly changes: Uint8Array<ArrayBuffer>;
    }
  /** Empty when there is none. `seq`: the final record. */
  | {
      readonly op: 'found';
      readonly tag: number;
      readonly finished: readonly { readonly event: EventId; readonly seq: Sequence }[];
    }
  /** Unasked: finished events of the segment [first, next) are now found here, what the actor remembers of them may go. */
  | {
      readonly op: 'indexed';
      readonly partition: PartitionId;
      readonly first: Sequence;
      readonly next: Sequence;
      readonly filter: FilterWords;
    }
  /** `damaged`: one record fails its checksum, only this read fails. `broken`: the log contradicts itself or its mark, the partition must
   *  stop. `gone`: what was asked for has outlived the retention. */
  | { readonly op: 'failed'; readonly tag: number; readonly failure: DamageScope | 'io'; readonly detail: string };

/** How far the indexes of a partition have been gone through, in the order of segments and then of specs. */
export interface RetriablePlace {
  /** Where the segment opens. */
  readonly segment: Sequence;
  readonly bodySeq: Sequence;
}

/** What a decision needs to know of a finished event. */
export interface StoredFacts {
  readonly event: EventId;
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
  /** As `spec-codec.ts` lays it out. */
  readonly spec: Uint8Array;
}

/** Where to begin with an event. */
export interface NewestRecord {
  readonly event: EventId;
  /** Null: it is in no memory any more, so the indexes know. */
  readonly newest: Sequence | null;
}

/** How one thread's files are opened. Crosses threads in worker data. */
export interface LogOptions {
  readonly dataDir: string;
  readonly partitions: readonly PartitionId[];
  readonly durability: 'fsync' | 'os';
  readonly segmentBytesMax: number;
  readonly segmentAgeMsMax: number;
  /** A -wal file of this size is too long: the writer waits for readers, and says so when that was in vain. */
  readonly walBytesMax: number;
  /** Free space below which new work is refused. */
  readonly freeBytesMin: number;
  /** Kept aside and given back when the disk is full, so that outcomes and cancels still fit. */
  readonly ballastBytes: number;
  /** Pages of one segment file at most; for tests of a full disk. Null: no quota. */
  readonly pagesMax: number | null;
}

export type { WallMs };
