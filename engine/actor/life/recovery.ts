/**
 * A partition's memory from its log: at the start, and again when a commit has failed.
 *
 *     asking ---replay-section---> loading ... ---replay-batch---> replaying ... ---replay-done, couriers asked---> done
 *
 * It begins with the newest snapshot, if there is one. Sections and batches come one ahead of being applied, so replay never fills memory. Work is cut into steps of about a millisecond, so
 * that the other partitions of the host keep their ticks. Couriers are asked which attempts still run: those must not be
 * started a second time by a partition that only lost its memory.
 */
import { noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { type EventId, formatEventId } from '../../kernel/event-id.js';
import type { SegmentOutline } from '../../log/protocol.js';
import { RecordCursor } from '../../log/record-batch.js';
import { SnapshotIntake, snapshotForm } from '../../partition/snapshot.js';
import { PartitionState } from '../../partition/state.js';
import type { ReadFailure } from '../desks/facts.js';
import type { Reads } from '../reads.js';

/** Records applied or rows armed between two looks at the clock. */
const stepRows = 256;

export interface RunningAttempt {
  readonly event: EventId;
  readonly attempt: number;
}

export interface RecoveryResult {
  readonly state: PartitionState;
  /** Attempts that a courier is still running, by event id (as text). */
  readonly running: ReadonlyMap<string, number>;
  /** Position of the snapshot that it began with; 0: none. */
  readonly begunAt: Sequence;
  /** What is wrong with snapshots that were passed over. */
  readonly damagedSnapshots: readonly string[];
}

interface Part {
  readonly kind: 'section' | 'batch';
  readonly bytes: Uint8Array;
}

export class Recovery {
  readonly state: PartitionState;
  readonly #reads: Reads;
  readonly #tag: number;
  readonly #running = new Map<string, number>();
  /** Couriers, by number, that have not told what they run. */
  readonly #unheard: Set<number>;
  readonly #intake: SnapshotIntake;
  #parts: Part[] = [];
  #cursor: RecordCursor | null = null;
  #last: Sequence | null = null;
  /** Until the state knows of them: behind the outline of a snapshot, before the first record. */
  #segments: readonly SegmentOutline[] | null = null;
  #begunAt: Sequence = noSequence;
  #damagedSnapshots: readonly string[] = [];
  #failure: ReadFailure | null = null;
  #done = 0;

  /** `couriers`: how many have been asked for what they run. */
  constructor({ partition, reads, couriers }: { partition: PartitionId; reads: Reads; couriers: number }) {
    this.state = new PartitionState(partition);
    this.#reads = reads;
    this.#unheard = new Set(Array.from({ length: couriers }, (_, number) => number));
    this.#intake = new SnapshotIntake(this.state);
    this.#tag = reads.ask({ op: 'replay', partition, snapshotForm }, (reply) => {
      switch (reply.op) {
        case 'replay-start':
          this.#segments = reply.segments;
          this.#damagedSnapshots = reply.damaged;
          break;
        case 'replay-section':
          this.#parts.push({ kind: 'section', bytes: reply.section });
          this.#done = reply.done;
          break;
        case 'replay-batch':
          this.#parts.push({ kind: 'batch', bytes: reply.batch });
          this.#done = reply.done;
          break;
        case 'replay-done':
          this.#last = reply.last;
          break;
        case 'failed':
          this.#failure = reply;
          break;
        default:
          throw new InvariantError(`a replay was answered with ${reply.op}`);
      }
    });
  }

  get failure(): ReadFailure | null {
    return this.#failure;
  }

  /** Part of the log that has been read, 0-1. */
  get done(): number {
    return this.#done;
  }

  /** Something to do without another message. */
  get hasWork(): boolean {
    return this.#cursor !== null || this.#parts.length > 0;
  }

  /** A courier has told what it runs; one that died has told that it runs nothing, also if it had said otherwise before. */
  courierRuns(courier: number, attempts: readonly RunningAttempt[]): void {
    for (const { event, attempt } of attempts) this.#running.set(formatEventId(event), attempt);
    this.#unheard.delete(courier);
  }

  /** Applies records until `isOver` says that the turn's time is up. The result once everything is known. */
  step(isOver: () => boolean): RecoveryResult | null {
    while (this.hasWork) {
      this.#applySome();
      // With nothing left to apply nobody would call again.
      if (this.hasWork && isOver()) return null;
    }
    if (this.#last === null || this.#unheard.size > 0 || this.#failure !== null) return null;
    this.#layOut();
    if (this.state.lastSeq !== this.#last) {
      throw new InvariantError(
        `partition ${this.state.partition}: replay ended at ${this.state.lastSeq}, the log at ${this.#last}`,
      );
    }
    if (!this.state.isWhole) {
      throw new InvariantError(
        `partition ${this.state.partition}: an event lost its beginning to retention and was not carried forward`,
      );
    }
    return { state: this.state, running: this.#running, begunAt: this.#begunAt, damagedSnapshots: this.#damagedSnapshots };
  }

  #applySome(): void {
    if (this.#cursor === null) {
      const { kind, bytes } = this.#parts.shift()!;
      this.#reads.next(this.#tag);
      if (kind === 'section') {
        this.#intake.take(bytes);
        this.#begunAt = this.state.lastSeq;
        this.#layOut();
        return;
      }
      this.#layOut();
      this.#cursor = new RecordCursor(bytes);
    }
    const cursor = this.#cursor;
    for (let row = 0; row < stepRows; row++) {
      if (!cursor.next()) {
        this.#cursor = null;
        return;
      }
      this.state.applyAt(cursor);
    }
  }

  /** The first section of a snapshot says which segments there were; the reader has said which there are. */
  #layOut(): void {
    if (this.#segments !== null) this.state.layOut(this.#segments);
    this.#segments = null;
  }
}
