/**
 * The status stream's engine side: changes from all actor hosts in, to each subscriber those that match, exactly once and in order
 * per event, with a cursor that says how far it has got.
 *
 *     hosts --changes--> shown: audience (live) + recent changes       past changes <--slices-- hosts, from the log
 *                                   ^                    \                /
 *                                   +---- arrived ---- those who catch up
 *
 * Gathering changes costs the hosts work, so they do it only while somebody listens. The hub asks each of them (`watch`), each
 * answers with the log position of its partitions behind which it sends changes (`watching`), and subscriptions begin when all
 * have answered. A new one begins where the stream stands then, one that comes with a cursor begins there; both catch up
 * (`catch-up.ts`), which for the new one is a matter of one step.
 *
 * Modes
 *   idle      Nobody listens. Positions are unknown; changes that still arrive are passed over.
 *             First subscriber: ask all hosts -> asking.
 *   asking    Some host has not answered. New subscribers wait; those that have begun hear what comes.
 *             Last answer: the waiting begin -> watching. Last subscriber leaves -> idle.
 *   watching  All hosts have answered; a new subscriber begins at once.
 *             A host was started anew: ask it -> asking. Last subscriber leaves: tell all hosts -> idle.
 *
 * A host that dies may have written changes that it had not sent. Its successor announces where it goes on; where that differs from
 * where the stream stands, everybody who is live falls back to that place and catches up from the log.
 *
 * Main thread. Knows no ports: its owner carries the requests, and calls `publish` with batches in log order per partition.
 */
import type { StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { EngineError } from '../kernel/errors.js';
import { batchChangesMax } from '../kernel/limits.js';
import { Audience } from './audience.js';
import { CatchUp } from './catch-up.js';
import { type CursorPositions, decodeCursor } from './cursor.js';
import type { StatusFilter } from './filter.js';
import { HostWatch, type HostWatchParts } from './host-watch.js';
import { PastChanges, type PastChangesParts } from './past-changes.js';
import { Positions } from './positions.js';
import { RecentChanges } from './recent-changes.js';
import { type StatusBatch, type StatusListener, Subscriber } from './subscriber.js';

/** Subscribers that wait for a host to answer: they cost memory and their sockets may be gone. */
const waitingMax = 10_000;
/** A subscriber hears its place at the latest after twice as many changes that did not match. */
const unheardMax = 5_000;

export interface Subscription {
  /** Where it began: everything after it comes through the listener. */
  readonly cursor: string;
  /** Where it stands: exactly what the listener has taken. */
  place(): string;
  /** Log positions between its place and where the stream stands. */
  behind(): number;
  /** The listener, which has refused a batch, can take more. */
  resume(): void;
  /** No batch comes after this. */
  close(): void;
}

export interface WatchAnswer {
  readonly host: number;
  readonly round: number;
  readonly positions: readonly (readonly [PartitionId, Sequence])[];
}

export interface StatusHubOptions extends PastChangesParts, HostWatchParts {
  readonly partitions: number;
  /** Log positions of a partition that a cursor, or a place, may lie back. */
  readonly replayWindow: number;
  /** How many ticks it may take until what a client has heard from another node is shown here; 0: there is none. */
  readonly aheadTicksMax?: number;
  /** In a later turn of the event loop, behind promises that have been kept. */
  soon(task: () => void): void;
  /** A listener threw; its subscription has been closed, because it has lost its place. */
  listenerFailed(error: unknown): void;
}

interface Waiting {
  readonly filter: StatusFilter;
  readonly listener: StatusListener;
  /** Null: from now on. */
  readonly place: CursorPositions | null;
  readonly resolve: (subscription: Subscription) => void;
}

export class StatusHub {
  readonly #options: StatusHubOptions;
  readonly #hosts: HostWatch;
  readonly #positions: Positions;
  readonly #recent = new RecentChanges();
  readonly #past: PastChanges;
  readonly #catchUp: CatchUp;
  readonly #audience = new Audience<Subscriber>();
  /** All that have begun, live or not. */
  readonly #subscribers = new Set<Subscriber>();
  #waiting: Waiting[] = [];
  /** Changes shown to anybody who wanted them, while somebody listened. */
  #shown = 0;
  #refreshedAt = 0;

  constructor(options: StatusHubOptions) {
    this.#options = options;
    this.#hosts = new HostWatch(options);
    this.#positions = new Positions(options.partitions);
    this.#past = new PastChanges(options);
    this.#catchUp = new CatchUp({
      positions: this.#positions,
      recent: this.#recent,
      past: this.#past,
      replayWindow: options.replayWindow,
      aheadTicksMax: options.aheadTicksMax ?? 0,
      unheardMax,
      soon: options.soon,
      arrived: (subscriber) => this.#goLive(subscriber),
    });
  }

  /** Subscribers, with those that have not begun yet. */
  get size(): number {
    return this.#subscribers.size + this.#waiting.length;
  }

  /**
   * Resolves when it has begun: from `cursor` on, or from now on if that is null. Rejects with `invalid` for a text that is no
   * cursor, with `overloaded` when too many wait for a host that does not answer.
   */
  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    const place = cursor === null ? null : decodeCursor(cursor, this.#options.partitions);
    if (cursor !== null && place === null) {
      return Promise.reject(new EngineError('invalid', 'the cursor is not one of this stream'));
    }
    if (this.#waiting.length >= waitingMax) {
      return Promise.reject(new EngineError('overloaded', `${waitingMax} subscriptions wait for an actor host`));
    }
    if (this.size === 0) this.#hosts.begin();
    return new Promise((resolve) => {
      this.#waiting.push({ filter, listener, place, resolve });
      this.#beginIfAnswered();
    });
  }

  /** A host's thread was started, at first or in place of one that died: what the old one was asked is void. */
  hostStarted(host: number): void {
    if (this.size > 0) this.#hosts.startedAnew(host);
  }

  watching({ host, round, positions }: WatchAnswer): void {
    if (!this.#hosts.isCurrent({ host, round })) return;
    const isAnew = this.#hosts.wasStartedAnew(host);
    for (const [partition, seq] of positions) this.#announced(partition, { seq, isAnew });
    this.#hosts.answered(host);
    this.#beginIfAnswered();
  }

  /** Durable changes, in log order per partition. */
  publish(changes: readonly StatusChange[]): void {
    for (let from = 0; from < changes.length && this.size > 0; from += batchChangesMax) {
      this.#show(changes.slice(from, from + batchChangesMax));
    }
  }

  /** About once a second. */
  tick(): void {
    this.#catchUp.tick();
  }

  #show(changes: readonly StatusChange[]): void {
    const before = this.#positions.now();
    const shown = changes.filter(({ partition, seq }) => this.#positions.advance(partition, seq));
    if (shown.length === 0) return;
    this.#shown += shown.length;
    this.#recent.add({ before, after: this.#positions.now(), changes: shown });
    for (const change of shown) this.#audience.hear(change);
    // Who hears is settled before anyone does: a listener that subscribes begins behind these changes.
    const hearings = this.#audience.take().map(([group, items]) => ({ items, members: [...group.members] }));
    for (const { items, members } of hearings) {
      const batch: StatusBatch = { cursor: this.#positions.cursor(), items, gapFrom: null };
      for (const member of members) this.#deliver(member, { batch, before });
    }
    if (this.#shown - this.#refreshedAt >= unheardMax) this.#refresh();
  }

  /** Those who have heard nothing for long hear where they are. */
  #refresh(): void {
    this.#refreshedAt = this.#shown;
    const batch: StatusBatch = { cursor: this.#positions.cursor(), items: [], gapFrom: null };
    for (const subscriber of [...this.#subscribers]) {
      const isQuiet = subscriber.mode === 'live' && this.#shown - subscriber.heardAt >= unheardMax;
      if (isQuiet) this.#deliver(subscriber, { batch, before: this.#positions.now() });
    }
  }

  /** `before`: where it stays if it does not take the batch. */
  #deliver(subscriber: Subscriber, { batch, before }: { readonly batch: StatusBatch; readonly before: CursorPositions }): void {
    if (subscriber.mode !== 'live') return;
    const own = subscriber.stuck.size === 0 ? batch : this.#ownOf(subscriber, batch);
    if (own === null) return;
    if (subscriber.hear(own)) subscriber.heardAt = this.#shown;
    else this.#fallBack(subscriber, { place: subscriber.placeAt(before), mode: 'resting' });
  }

  /**
   * Of one that is stuck somewhere. A change of such a partition was on its way when that refused to be read: it is told with those before
   * it, when the partition has announced itself. Null: nothing is left of the batch.
   */
  #ownOf(subscriber: Subscriber, batch: StatusBatch): StatusBatch | null {
    const items = batch.items.filter(({ partition }) => !subscriber.stuck.has(partition));
    if (items.length === 0 && batch.items.length > 0) return null;
    return { ...batch, items, cursor: subscriber.cursor(this.#positions) };
  }

  #announced(partition: PartitionId, { seq, isAnew }: { readonly seq: Sequence; readonly isAnew: boolean }): void {
    const before = this.#positions.now();
    const announced = this.#positions.announce(partition, seq);
    this.#past.announced(partition);
    const isHole = announced === 'differs' || (announced === 'first' && isAnew);
    if (announced !== 'as-known') this.#recent.clear();
    for (const subscriber of [...this.#subscribers]) {
      const wasStuck = subscriber.stuck.has(partition);
      if (subscriber.mode === 'live' && (isHole || wasStuck)) {
        this.#fallBack(subscriber, { place: subscriber.placeAt(before), mode: 'catching-up' });
        this.#catchUp.bring(subscriber);
      } else if (subscriber.mode !== 'live' && announced === 'first' && !isAnew && !wasStuck) {
        subscriber.partitionCameUp(partition, seq);
      }
      subscriber.stuck.delete(partition);
    }
  }

  #beginIfAnswered(): void {
    if (!this.#hosts.isComplete) return;
    for (const waiting of this.#waiting.splice(0)) this.#begin(waiting);
  }

  #begin({ filter, listener, place, resolve }: Waiting): void {
    const subscriber = new Subscriber({
      filter,
      listener,
      place: place ?? this.#positions.now(),
      failed: (error) => {
        this.#close(subscriber);
        this.#options.listenerFailed(error);
      },
    });
    if (place !== null) subscriber.distrustUnknown();
    this.#subscribers.add(subscriber);
    resolve(this.#subscriptionOf(subscriber));
    this.#catchUp.bring(subscriber);
  }

  #subscriptionOf(subscriber: Subscriber): Subscription {
    return {
      cursor: subscriber.cursor(this.#positions),
      place: () => subscriber.cursor(this.#positions),
      behind: () => subscriber.behind(this.#positions),
      resume: () => this.#resume(subscriber),
      close: () => this.#close(subscriber),
    };
  }

  #goLive(subscriber: Subscriber): void {
    subscriber.mode = 'live';
    subscriber.heardAt = this.#shown - subscriber.unheard;
    this.#audience.add(subscriber.filter, subscriber);
  }

  /** It is live no longer, for now. */
  #fallBack(
    subscriber: Subscriber,
    { place, mode }: { readonly place: CursorPositions; readonly mode: 'resting' | 'catching-up' },
  ): void {
    // It may have been closed while it heard.
    if (subscriber.mode !== 'live') return;
    this.#audience.remove(subscriber.filter, subscriber);
    subscriber.place = place;
    subscriber.mode = mode;
    subscriber.unheard = this.#shown - subscriber.heardAt;
  }

  #resume(subscriber: Subscriber): void {
    if (subscriber.mode !== 'resting') return;
    subscriber.mode = 'catching-up';
    this.#catchUp.bring(subscriber);
  }

  #close(subscriber: Subscriber): void {
    if (subscriber.mode === 'closed') return;
    if (subscriber.mode === 'live') this.#audience.remove(subscriber.filter, subscriber);
    subscriber.mode = 'closed';
    this.#subscribers.delete(subscriber);
    if (this.size === 0) this.#rest();
  }

  #rest(): void {
    this.#positions.forget();
    this.#recent.clear();
    this.#past.forget();
    this.#hosts.end();
  }
}
