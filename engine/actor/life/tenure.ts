/**
 * Whose is this partition? In a cluster its actor lives only while this node owns it.
 *
 *     elsewhere --take--> taking --owned--> serving --release--> ending --nothing runs--> closing --durable--> leaving --released--> elsewhere
 *         (drop, lost, stuck: from anywhere to elsewhere, at once)
 *
 * elsewhere  Requests are refused (`not-owner`); the log may be followed.
 * taking     The replica takes in what the journal has and opens it. Requests are refused still.
 * serving    The ordinary life: replay, then work.
 * ending     No attempt is started any more, those in flight end, five seconds at most. Requests are taken as ever.
 * closing    Requests are refused, so that what has been decided becomes durable and nothing follows.
 * leaving    The replica writes the end into the journal.
 *
 * What a courier still runs when the partition has gone is heard by nobody here; the next owner begins it again, under the same number.
 *
 * While following, snapshots are taken of the copy as an owner takes them, so that a takeover has little to replay.
 *
 * Owned by its host's thread.
 */
import { type MonoMs, noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { releaseMsMax } from '../../kernel/limits.js';
import type { ReplicaReply } from '../../log/protocol.js';
import type { HostShared } from '../host-shared.js';
import type { PartitionOrder } from '../mail.js';
import type { PartitionNews } from '../notices.js';

type Stage = 'elsewhere' | 'taking' | 'serving' | 'ending' | 'closing' | 'leaving';

/** What the actor has to do and to tell. */
export interface Tenant {
  /** The log is this node's: make memory from it. */
  begin(): void;
  /** Memory goes, with whatever is not durable. */
  end(detail: string): void;
  /** Nothing starts any more; attempts go on. */
  stopStarting(): void;
  readonly hasRunning: boolean;
  /** Nothing waits for the disk, and nothing for facts. */
  readonly isSettled: boolean;
}

export interface TenureParts {
  readonly partition: PartitionId;
  readonly shared: HostShared;
  readonly tenant: Tenant;
}

export class Tenure {
  readonly #parts: TenureParts;
  #stage: Stage = 'elsewhere';
  #epoch = 0;
  /** As the journal has counted them. */
  #losses = 0;
  #takenAt = 0 as MonoMs;
  /** When the stage is over at the latest. */
  #endsAt = 0 as MonoMs;
  /** Of the copy that is followed: where the newest snapshot was asked for. */
  #snapshotAt: Sequence = noSequence;
  #isSnapshotUnderWay = false;

  constructor(parts: TenureParts) {
    this.#parts = parts;
  }

  /** Requests are not answered here. */
  get isElsewhere(): boolean {
    return this.#stage === 'elsewhere' || this.#stage === 'taking' || this.#stage === 'closing' || this.#stage === 'leaving';
  }

  /** What is due may start. */
  get mayStart(): boolean {
    return this.#stage === 'serving';
  }

  obey(order: PartitionOrder): void {
    const { partition, shared, tenant } = this.#parts;
    switch (order.op) {
      case 'follow':
        shared.ports.toWriter(order);
        break;
      case 'take':
        this.#leave('this node takes the partition anew');
        this.#stage = 'taking';
        this.#epoch = order.epoch;
        this.#takenAt = shared.ports.clock.monoMs();
        shared.ports.toWriter({ op: 'own', partition, epoch: order.epoch });
        break;
      case 'release':
        if (this.#stage === 'serving') {
          this.#move('ending');
          tenant.stopStarting();
        } else if (this.#stage === 'taking') shared.ports.toWriter({ op: 'release', partition });
        break;
      case 'drop':
        shared.ports.toWriter({ op: 'drop', partition });
        this.#leave('the lease of this node is over');
        break;
    }
  }

  heed(reply: ReplicaReply): void {
    const { partition, shared, tenant } = this.#parts;
    switch (reply.op) {
      case 'owned':
        if (this.#stage !== 'taking' || reply.epoch !== this.#epoch) return;
        this.#stage = 'serving';
        this.#losses = reply.losses;
        tenant.begin();
        break;
      case 'released':
        if (reply.epoch !== this.#epoch) return;
        this.#leave('the partition has been handed over');
        this.#tell({ op: 'released', partition, epoch: reply.epoch });
        break;
      case 'lost':
        if (reply.epoch !== this.#epoch) return;
        this.#leave(reply.detail);
        this.#tell({ op: 'lost', partition, epoch: reply.epoch, detail: reply.detail, hasShrunk: reply.hasShrunk });
        break;
      case 'stuck':
        this.#leave(reply.detail);
        this.#tell({ op: 'failed', partition, detail: reply.detail });
        break;
      case 'following':
        this.#tell({ op: 'following', partition, lag: reply.lag });
        this.#keepSnapshot(reply.last);
        break;
      case 'floor':
        shared.reads.ask({ op: 'remove', partition, first: reply.first }, (answer) => {
          if (answer.op === 'failed') shared.ports.notify({ op: 'retention-stuck', partition, detail: answer.detail });
        });
        break;
      case 'copy-note':
        shared.ports.notify(reply);
        break;
      case 'regressed':
        this.#snapshotAt = noSequence;
        shared.ports.notify(reply);
        break;
    }
  }

  /** The partition works. */
  serves(unfinishedAttempts: number): void {
    const { partition, shared } = this.#parts;
    if (this.#stage !== 'serving') return;
    const takeoverMs = shared.ports.clock.monoMs() - this.#takenAt;
    this.#tell({ op: 'serving', partition, epoch: this.#epoch, takeoverMs, unfinishedAttempts, dataLosses: this.#losses });
  }

  /** The partition has stopped with a report. `isDamaged`: the copy of its log is not what was written. */
  failed(detail: string, isDamaged: boolean): void {
    const { partition, shared } = this.#parts;
    if (this.#stage === 'elsewhere') return;
    this.#stage = 'elsewhere';
    shared.ports.toWriter(isDamaged ? { op: 'discard', partition, detail } : { op: 'drop', partition });
    this.#tell({ op: 'failed', partition, detail });
  }

  /** Retention has removed what was before `first`. */
  removed(first: Sequence): void {
    this.#parts.shared.ports.toWriter({ op: 'floor', partition: this.#parts.partition, first });
  }

  /** Called every turn. */
  turn(): void {
    const { partition, shared, tenant } = this.#parts;
    if (this.#stage === 'ending' && (!tenant.hasRunning || this.#isLate)) this.#move('closing');
    if (this.#stage === 'closing' && (tenant.isSettled || this.#isLate)) {
      this.#stage = 'leaving';
      shared.ports.toWriter({ op: 'release', partition });
    }
  }

  /** When `turn` wants to be called though no message comes; null: it does not. */
  get dueInMs(): number | null {
    if (this.#stage !== 'ending' && this.#stage !== 'closing') return null;
    return Math.max(0, this.#endsAt - this.#parts.shared.ports.clock.monoMs());
  }

  get #isLate(): boolean {
    return this.#parts.shared.ports.clock.monoMs() >= this.#endsAt;
  }

  #move(stage: 'ending' | 'closing'): void {
    this.#stage = stage;
    this.#endsAt = (this.#parts.shared.ports.clock.monoMs() + releaseMsMax) as MonoMs;
  }

  #leave(detail: string): void {
    if (this.#stage === 'elsewhere') return;
    this.#stage = 'elsewhere';
    this.#parts.tenant.end(detail);
  }

  #keepSnapshot(last: Sequence): void {
    const { partition, shared } = this.#parts;
    if (this.#isSnapshotUnderWay || last - this.#snapshotAt < shared.snapshotRecords) return;
    this.#snapshotAt = last;
    this.#isSnapshotUnderWay = true;
    shared.reads.ask({ op: 'snapshot', partition, upTo: last }, () => {
      this.#isSnapshotUnderWay = false;
    });
  }

  #tell(news: PartitionNews): void {
    this.#parts.shared.ports.notify({ op: 'partition-news', news });
  }
}
