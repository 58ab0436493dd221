/**
 * Changes of events on NATS: batches on `escapement.status.<partition>`, as long as anybody listens there.
 *
 * Following the stream of changes costs each host, and this thread, work for every change. So while nobody listens it is not followed: the place where
 * it stands is remembered once a second, and an empty batch on each subject asks whether somebody is there. When somebody is, everything behind
 * the place before that is told, so whoever has subscribed misses nothing.
 *
 * Modes
 *   silent     Nobody listens, or NATS is away. Somebody does -> announcing.
 *   announcing Each change is published. Nobody listens any more -> silent. The connection is lost -> silent, and it goes on from its place.
 *
 * In a cluster the owner of a partition tells of it. It remembers its place on NATS when it ends, and every few seconds while somebody listens; the next
 * owner goes on there. What was told in the last seconds before an owner died is told again: the version of an event says which changes are known.
 *
 * What is published and not confirmed by the server is bounded; beyond it the subscription rests, and the log keeps what comes.
 */
import {
  announcedBytesMax,
  EngineError,
  inStep,
  type NatsDoor,
  type StatusBatch,
  type StatusChange,
  type Subscription,
  type ToldStream,
} from '../../engine/index.js';
import { ensureProgress, type Interest, loadProgress, saveProgress, statusSubject } from '../../engine/nats-tools.js';
import { changeItems } from '../stream/change-item.js';
import { everything, placeNow } from './everything.js';

export interface StatusAnnouncerParts {
  readonly stream: ToldStream;
  readonly nats: NatsDoor;
  /** Shared by all that a node tells. */
  readonly interest: Pick<Interest, 'ask'>;
  readonly putOff: (error: unknown) => void;
}

const lookEveryMs = 1_000;
/** Looks between two words about its place, for another node that might have to go on. */
const looksPerSave = 5;
/** A place that was remembered longer ago is not where anybody was heard last: nobody listened since. */
const handedOnMsMax = 60_000;

export class StatusAnnouncer {
  readonly #parts: StatusAnnouncerParts;
  readonly #endTimer: () => void;
  readonly #unwatch: () => void;
  /** Everything up to here was told, or nobody was there to hear it. Null: not known yet. */
  #place: string | null = null;
  #subscription: Subscription | null = null;
  #isLooking = false;
  #isClosed = false;
  #unconfirmedBytes = 0;
  #isConfirming = false;
  #isResting = false;
  /** What the one before has left was asked for. */
  #hasTakenUp = false;
  #looks = 0;
  #saved: string | null = null;

  constructor(parts: StatusAnnouncerParts) {
    this.#parts = parts;
    this.#unwatch = parts.nats.link.watch(({ isConnected }) => {
      if (!isConnected) this.#fallSilent();
      else void this.#look();
    });
    this.#endTimer = inStep(lookEveryMs, () => void this.#look());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endTimer();
    this.#unwatch();
    this.#fallSilent();
    if (this.#parts.stream.isHandedOn && this.#parts.nats.link.connection !== null) await this.#save(this.#place);
  }

  async #look(): Promise<void> {
    const { link } = this.#parts.nats;
    const connection = link.connection;
    if (this.#isLooking || this.#isClosed || connection === null) return;
    this.#isLooking = true;
    try {
      await this.#takeUp(connection);
      // Before the question: what happens between the two is told if the answer is yes.
      const place = this.#subscription === null ? await placeNow(this.#parts.stream) : this.#subscription.place();
      const isHeard = await this.#parts.interest.ask(connection, this.#emptyBatches(place));
      if (this.#isClosed || link.connection !== connection) return;
      if (isHeard && this.#subscription === null) await this.#announce(this.#place ?? place);
      else if (!isHeard) {
        this.#fallSilent();
        this.#place = place;
      }
      if (isHeard && this.#parts.stream.isHandedOn && this.#looks++ % looksPerSave === 0) await this.#save(place);
    } catch (error) {
      if (!this.#isClosed && link.connection === connection) this.#parts.putOff(error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Where the owner before has ended, if it ended a moment ago. */
  async #takeUp(connection: NonNullable<NatsDoor['link']['connection']>): Promise<void> {
    const { stream } = this.#parts;
    if (this.#hasTakenUp || !stream.isHandedOn) return;
    await ensureProgress(connection);
    this.#place ??= await loadProgress(connection, { of: this.#of, ageMsMax: handedOnMsMax });
    this.#hasTakenUp = true;
  }

  async #save(place: string | null): Promise<void> {
    if (place === null || place === this.#saved) return;
    if (await saveProgress(this.#parts.nats.publisher, { of: this.#of, text: place })) this.#saved = place;
  }

  get #of(): string {
    return `status.${this.#parts.stream.name}`;
  }

  async #announce(from: string): Promise<void> {
    const subscription = await this.#subscribe(from);
    // Meanwhile it may be over, or away.
    if (this.#isClosed || this.#parts.nats.link.connection === null) subscription.close();
    else this.#subscription = subscription;
  }

  /** A place of a stream that is no more, of before a restore for example, is none. */
  async #subscribe(from: string): Promise<Subscription> {
    const { stream } = this.#parts;
    const hear = (batch: StatusBatch): boolean => this.#hear(batch);
    try {
      return await stream.subscribe(everything, hear, from);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'invalid') throw error;
      return stream.subscribe(everything, hear, null);
    }
  }

  #fallSilent(): void {
    if (this.#subscription === null) return;
    this.#place = this.#subscription.place();
    this.#subscription.close();
    this.#subscription = null;
    this.#unconfirmedBytes = 0;
    this.#isResting = false;
  }

  #hear({ items, cursor, gapFrom }: StatusBatch): boolean {
    const connection = this.#parts.nats.link.connection;
    if (connection === null || this.#unconfirmedBytes > announcedBytesMax) {
      this.#isResting = true;
      return false;
    }
    const publish = (partition: number, body: string): void => {
      connection.publish(`${statusSubject}.${partition}`, body);
      this.#unconfirmedBytes += body.length;
    };
    if (gapFrom !== null) {
      for (const partition of this.#parts.stream.partitions) {
        publish(partition, batchText({ partition, cursor, gapFrom, items: [] }));
      }
    }
    for (const [partition, own] of byPartition(items))
      publish(partition, batchText({ partition, cursor, gapFrom: null, items: own }));
    this.#parts.nats.counts.changesTold += items.length;
    if (!this.#isConfirming) void this.#confirm();
    return true;
  }

  /** When the server has read on so far, there is room again. */
  async #confirm(): Promise<void> {
    this.#isConfirming = true;
    try {
      await this.#parts.nats.link.connection?.flush();
      this.#unconfirmedBytes = 0;
      if (this.#isResting) {
        this.#isResting = false;
        this.#subscription?.resume();
      }
    } catch {
      // The connection is lost: it begins anew from its place.
    } finally {
      this.#isConfirming = false;
    }
  }

  #emptyBatches(cursor: string) {
    return this.#parts.stream.partitions.map((partition) => ({
      subject: `${statusSubject}.${partition}`,
      payload: batchText({ partition, cursor, gapFrom: null, items: [] }),
    }));
  }
}

interface PartitionBatch {
  readonly partition: number;
  readonly cursor: string;
  readonly gapFrom: string | null;
  readonly items: readonly StatusChange[];
}

function batchText({ partition, cursor, gapFrom, items }: PartitionBatch): string {
  const gap = gapFrom === null ? '' : `,"gap_from":${JSON.stringify(gapFrom)}`;
  return `{"partition":${partition},"cursor":${JSON.stringify(cursor)}${gap},"items":${changeItems(items)}}`;
}

function byPartition(items: readonly StatusChange[]): ReadonlyMap<number, StatusChange[]> {
  const parts = new Map<number, StatusChange[]>();
  for (const item of items) {
    const part = parts.get(item.partition);
    if (part === undefined) parts.set(item.partition, [item]);
    else part.push(item);
  }
  return parts;
}
