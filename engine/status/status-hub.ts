/**
 * The status stream's engine side: changes from all actor hosts in, to each subscriber those that match, exactly once and in order
 * per event, with a cursor that says how far it has got.
 *
 * Gathering changes costs the hosts work, so they do it only while somebody listens. The hub asks each of them (`watch`), each
 * answers with the log position of its partitions behind which it sends changes (`watching`), and a subscription begins when all
 * have answered: its cursor is the positions at that moment. Everything at or before them is not shown, everything after is.
 *
 * Modes
 *   idle      Nobody listens. Positions are unknown; changes that still arrive are passed over.
 *             First subscriber: ask all hosts -> asking.
 *   asking    Some host has not answered. New subscribers wait; those that have begun hear what comes.
 *             Last answer: the waiting begin -> watching. Last subscriber leaves -> idle.
 *   watching  All hosts have answered; a new subscriber begins at once.
 *             A host was started anew: ask it -> asking. Last subscriber leaves: tell all hosts -> idle.
 *
 * Each request carries a number, its round, and an answer counts only with the number of its host's newest request. Off and on in
 * quick succession would otherwise take an old answer for the new one and lose what went by between them.
 *
 * All who have begun stand at the same place, since delivery is synchronous: one set of positions, one cursor text for all.
 * The first batch of a subscription comes in a later turn of the event loop than its promise, never before it.
 *
 * Where resuming joins in: a subscriber that comes with an old cursor, or that reads too slowly (`lagging`), is not in the audience
 * but has positions of its own and is fed from the log; when they reach the hub's it enters `#begin` like a waiting one. A place
 * that has left the replay window is the `gapFrom` batch that a lost host's changes lead to already.
 *
 * Main thread. Knows no ports: its owner carries the requests, and calls `publish` with batches in log order per partition.
 */
import type { StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { EngineError } from '../kernel/errors.js';
import { Audience } from './audience.js';
import type { StatusFilter } from './filter.js';
import { Positions } from './positions.js';

/** Subscribers that wait for a host to answer: they cost memory and their sockets may be gone. */
const waitingMax = 10_000;
/** A subscriber hears its place at the latest after twice as many changes that did not match. */
const refreshEveryChanges = 5_000;

/** Members of a group get the same object, so that it may be encoded once for all of them. */
export interface StatusBatch {
  /** The place after this batch. */
  readonly cursor: string;
  /** Empty when only the place has moved on. */
  readonly items: readonly StatusChange[];
  /** Not null: changes between this cursor and `cursor` were lost with the host that had them. `items` is empty then. */
  readonly gapFrom: string | null;
}

export type StatusListener = (batch: StatusBatch) => void;

export interface Subscription {
  /** Where it began: everything after it comes through the listener. */
  readonly cursor: string;
  /** No batch comes after this. */
  close(): void;
}

/** For one host: begin or end sending changes. */
export interface WatchOrder {
  readonly host: number;
  readonly on: boolean;
  readonly round: number;
}

export interface WatchAnswer {
  readonly host: number;
  readonly round: number;
  readonly positions: readonly (readonly [PartitionId, Sequence])[];
}

export interface StatusHubOptions {
  readonly partitions: number;
  /** Numbered from 0. */
  readonly hosts: number;
  watch(order: WatchOrder): void;
  /** A listener threw; its subscription has been closed, because it has lost its place. */
  listenerFailed(error: unknown): void;
}

interface Member {
  readonly filter: StatusFilter;
  readonly listener: StatusListener;
  open: boolean;
  /** Batches that wait for the promise to be heard; null once they need not. */
  held: StatusBatch[] | null;
  /** The count of changes that had passed at its newest batch. */
  heardAt: number;
}

interface Waiting {
  readonly member: Member;
  readonly resolve: (subscription: Subscription) => void;
}

export class StatusHub {
  readonly #options: StatusHubOptions;
  readonly #positions: Positions;
  readonly #audience = new Audience<Member>();
  readonly #members = new Set<Member>();
  readonly #unanswered = new Set<number>();
  /** Since somebody listens. What the predecessor announced last may have died with it, so a position that is unknown to us proves nothing. */
  readonly #startedAnew = new Set<number>();
  /** The round of the newest request to each host. */
  readonly #rounds = new Map<number, number>();
  #waiting: Waiting[] = [];
  #round = 0;
  /** Changes shown to anybody who wanted them, while somebody listened. */
  #passed = 0;
  #refreshedAt = 0;

  constructor(options: StatusHubOptions) {
    this.#options = options;
    this.#positions = new Positions(options.partitions);
  }

  /** Subscribers, with those that have not begun yet. */
  get size(): number {
    return this.#members.size + this.#waiting.length;
  }

  /** Resolves when it has begun. Rejects with `overloaded` when too many wait for a host that does not answer. */
  subscribe(filter: StatusFilter, listener: StatusListener): Promise<Subscription> {
    if (this.#waiting.length >= waitingMax) {
      return Promise.reject(new EngineError('overloaded', `${waitingMax} subscriptions wait for an actor host`));
    }
    if (this.size === 0) this.#askAll();
    const member: Member = { filter, listener, open: true, held: [], heardAt: this.#passed };
    return new Promise((resolve) => {
      this.#waiting.push({ member, resolve });
      this.#beginIfAnswered();
    });
  }

  /** A host's thread was started, at first or in place of one that died: what the old one was asked is void. */
  hostStarted(host: number): void {
    if (this.size === 0) return;
    this.#startedAnew.add(host);
    this.#ask(host);
  }

  watching({ host, round, positions }: WatchAnswer): void {
    if (this.#rounds.get(host) !== round) return;
    const before = this.#positions.cursor();
    let lost = false;
    for (const [partition, seq] of positions) {
      const announced = this.#positions.announce(partition, seq);
      if (announced === 'differs' || (announced === 'first' && this.#startedAnew.has(host))) lost = true;
    }
    if (lost) this.#deliverAll({ cursor: this.#positions.cursor(), items: [], gapFrom: before });
    this.#unanswered.delete(host);
    this.#beginIfAnswered();
  }

  /** Durable changes, in log order per partition. */
  publish(changes: readonly StatusChange[]): void {
    if (this.size === 0) return;
    for (const change of changes) {
      if (!this.#positions.advance(change.partition, change.seq)) continue;
      this.#passed += 1;
      this.#audience.hear(change);
    }
    // Who hears is settled before anyone does: a listener that subscribes begins behind these changes.
    const hearings = this.#audience.take().map(([group, items]) => ({ items, members: [...group.members] }));
    for (const { items, members } of hearings) {
      const batch: StatusBatch = { cursor: this.#positions.cursor(), items, gapFrom: null };
      for (const member of members) this.#deliver(member, batch);
    }
    if (this.#passed - this.#refreshedAt >= refreshEveryChanges) this.#refresh(refreshEveryChanges);
  }

  /** An empty batch to everyone whose place has moved since the last one. To be called every few seconds. */
  refresh(): void {
    this.#refresh(1);
  }

  #refresh(changesUnheard: number): void {
    this.#refreshedAt = this.#passed;
    const batch: StatusBatch = { cursor: this.#positions.cursor(), items: [], gapFrom: null };
    for (const member of [...this.#members]) {
      if (this.#passed - member.heardAt >= changesUnheard) this.#deliver(member, batch);
    }
  }

  #askAll(): void {
    for (let host = 0; host < this.#options.hosts; host++) this.#ask(host);
  }

  #ask(host: number): void {
    this.#unanswered.add(host);
    this.#order(host, true);
  }

  #order(host: number, on: boolean): void {
    this.#round += 1;
    this.#rounds.set(host, this.#round);
    this.#options.watch({ host, on, round: this.#round });
  }

  #beginIfAnswered(): void {
    if (this.#unanswered.size > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { member, resolve } of waiting) this.#begin(member, resolve);
  }

  #begin(member: Member, resolve: Waiting['resolve']): void {
    member.heardAt = this.#passed;
    this.#members.add(member);
    this.#audience.add(member.filter, member);
    resolve({ cursor: this.#positions.cursor(), close: () => this.#close(member) });
    setImmediate(() => this.#release(member));
  }

  #release(member: Member): void {
    const held = member.held ?? [];
    member.held = null;
    for (const batch of held) this.#deliver(member, batch);
  }

  #deliverAll(batch: StatusBatch): void {
    for (const member of [...this.#members]) this.#deliver(member, batch);
  }

  #deliver(member: Member, batch: StatusBatch): void {
    if (!member.open) return;
    member.heardAt = this.#passed;
    if (member.held !== null) {
      member.held.push(batch);
      return;
    }
    try {
      member.listener(batch);
    } catch (error) {
      this.#close(member);
      this.#options.listenerFailed(error);
    }
  }

  #close(member: Member): void {
    if (!member.open) return;
    member.open = false;
    this.#members.delete(member);
    this.#audience.remove(member.filter, member);
    if (this.size === 0) this.#rest();
  }

  #rest(): void {
    this.#unanswered.clear();
    this.#startedAnew.clear();
    this.#positions.forget();
    for (let host = 0; host < this.#options.hosts; host++) this.#order(host, false);
  }
}
