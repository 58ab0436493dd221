/**
 * Who is sent the status changes of the partitions that this node's hosts run: its own status hub, and those of other nodes.
 *
 * A host sends changes or does not, to one listener. So the desk orders them once, remembers how far they have come in each partition, and tells each
 * watcher from where on it hears: a second watcher begins at the newest change that has gone by.
 *
 *     watch(partition) -> the host is told to send -> it says where it begins -> watching(partition, position) -> changes behind it
 *
 * Invariant: a watcher hears every change behind the newest position that it was told, in order. Main thread.
 */
import type { StatusChange } from '../../event/status-change.js';
import type { PartitionId, Sequence } from '../../kernel/brand.js';

export interface WatchRequest {
  readonly partition: PartitionId;
  readonly on: boolean;
  /** Named in the answers, so that an answer to an earlier request is not taken for one to this. */
  readonly round: number;
}

export interface WatchAnswer {
  readonly partition: PartitionId;
  readonly round: number;
  /** Changes behind it follow. Null: the partition does not work, and is named again when it does. */
  readonly position: Sequence | null;
}

export interface Watcher {
  watching(answer: WatchAnswer): void;
  changes(changes: readonly StatusChange[]): void;
}

export interface WatchDeskParts {
  readonly hosts: number;
  hostOf(partition: PartitionId): number;
  order(order: { readonly host: number; readonly on: boolean; readonly round: number }): void;
}

interface HostState {
  round: number;
  isOn: boolean;
  /** It has said where it begins. */
  hasAnswered: boolean;
}

export class WatchDesk {
  readonly #parts: WatchDeskParts;
  readonly #hosts: readonly HostState[];
  readonly #positions = new Map<PartitionId, Sequence>();
  /** By partition: who watches it, under which round. */
  readonly #watchers = new Map<PartitionId, Map<Watcher, number>>();
  #round = 0;

  constructor(parts: WatchDeskParts) {
    this.#parts = parts;
    this.#hosts = Array.from({ length: parts.hosts }, () => ({ round: 0, isOn: false, hasAnswered: false }));
  }

  watch(watcher: Watcher, { partition, on, round }: WatchRequest): void {
    const watchers = this.#watchers.get(partition) ?? new Map<Watcher, number>();
    this.#watchers.set(partition, watchers);
    if (on) watchers.set(watcher, round);
    else watchers.delete(watcher);
    if (watchers.size === 0) this.#watchers.delete(partition);
    const host = this.#parts.hostOf(partition);
    const state = this.#hosts[host];
    // A gateway, which somebody took for an owner.
    if (state === undefined) return;
    const isNeeded = this.#isNeeded(host);
    if (isNeeded !== state.isOn) this.#order(host, isNeeded);
    else if (on && state.hasAnswered) this.#answer(watcher, partition);
  }

  /** It watches nothing any more. */
  leave(watcher: Watcher): void {
    for (const [partition, watchers] of [...this.#watchers]) {
      if (watchers.has(watcher)) this.watch(watcher, { partition, on: false, round: 0 });
    }
  }

  /** What hosts say. */
  watching({
    host,
    round,
    positions,
  }: {
    readonly host: number;
    readonly round: number;
    readonly positions: readonly (readonly [PartitionId, Sequence])[];
  }): void {
    const state = this.#hosts[host]!;
    if (!state.isOn || round !== state.round) return;
    for (const [partition, position] of positions) this.#positions.set(partition, position);
    const isFirst = !state.hasAnswered;
    state.hasAnswered = true;
    const named = new Set(positions.map(([partition]) => partition));
    for (const [partition, watchers] of [...this.#watchers]) {
      if (this.#parts.hostOf(partition) !== host || (!isFirst && !named.has(partition))) continue;
      for (const watcher of [...watchers.keys()]) this.#answer(watcher, partition);
    }
  }

  publish(changes: readonly StatusChange[]): void {
    const byWatcher = new Map<Watcher, StatusChange[]>();
    for (const change of changes) {
      const { partition, seq } = change;
      const position = this.#positions.get(partition);
      if (position === undefined || seq <= position) continue;
      this.#positions.set(partition, seq);
      for (const watcher of this.#watchers.get(partition)?.keys() ?? []) {
        const own = byWatcher.get(watcher);
        if (own === undefined) byWatcher.set(watcher, [change]);
        else own.push(change);
      }
    }
    for (const [watcher, own] of byWatcher) watcher.changes(own);
  }

  /** Its thread was started anew: what the old one was ordered is void. */
  hostStarted(host: number): void {
    const state = this.#hosts[host]!;
    if (state.isOn) this.#order(host, true);
  }

  /** This node has the partition no longer; whoever watches it asks its next owner. */
  gone(partition: PartitionId): void {
    this.#positions.delete(partition);
    for (const watcher of [...(this.#watchers.get(partition)?.keys() ?? [])]) {
      this.watch(watcher, { partition, on: false, round: 0 });
    }
  }

  #isNeeded(host: number): boolean {
    for (const partition of this.#watchers.keys()) if (this.#parts.hostOf(partition) === host) return true;
    return false;
  }

  #order(host: number, on: boolean): void {
    const state = this.#hosts[host]!;
    state.isOn = on;
    state.hasAnswered = false;
    state.round = ++this.#round;
    for (const partition of [...this.#positions.keys()]) {
      if (this.#parts.hostOf(partition) === host) this.#positions.delete(partition);
    }
    this.#parts.order({ host, on, round: state.round });
  }

  #answer(watcher: Watcher, partition: PartitionId): void {
    const round = this.#watchers.get(partition)?.get(watcher);
    if (round === undefined) return;
    watcher.watching({ partition, round, position: this.#positions.get(partition) ?? null });
  }
}
