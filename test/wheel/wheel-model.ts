/**
 * The slow obvious wheel: an array, sorted when asked. What the real one is compared with.
 *
 * It knows exactly one order: within rank and lane, the turn in which an entry became due, then deadline, then arrival.
 */
export interface ModelEntry {
  readonly handle: number;
  readonly tick: number;
  readonly rank: number;
  readonly arrival: number;
  /** Number of the advance in which it became due; null while it is not. */
  dueIn: number | null;
  /** Left over from an earlier turn. */
  late: boolean;
}

export class WheelModel {
  now: number;
  readonly entries = new Map<number, ModelEntry>();
  #arrivals = 0;
  #advances = 0;

  constructor(now: number) {
    this.now = now;
  }

  insert(handle: number, tick: number, rank: number): void {
    // What is overdue on arrival queues behind what the advance before it made due.
    const dueIn = tick <= this.now ? this.#advances + 0.5 : null;
    this.entries.set(handle, { handle, tick, rank, arrival: this.#arrivals++, dueIn, late: false });
  }

  remove(handle: number): boolean {
    return this.entries.delete(handle);
  }

  advance(now: number): void {
    if (now <= this.now) return;
    this.now = now;
    this.#advances++;
    for (const entry of this.entries.values()) {
      if (entry.dueIn === null && entry.tick <= now) entry.dueIn = this.#advances;
    }
  }

  due(lane: 'fresh' | 'backlog', rank: number): ModelEntry[] {
    return [...this.entries.values()]
      .filter((entry) => entry.dueIn !== null && entry.late === (lane === 'backlog') && entry.rank === rank)
      .sort(inOrder);
  }

  endTurn(): void {
    for (const entry of this.entries.values()) if (entry.dueIn !== null) entry.late = true;
  }

  /** The earliest entry that is not due, `now` when anything is due, null when there is nothing. */
  nextDeadline(): number | null {
    let earliest: number | null = null;
    for (const entry of this.entries.values()) {
      const tick = Math.max(entry.tick, this.now);
      if (earliest === null || tick < earliest) earliest = tick;
    }
    return earliest;
  }
}

function inOrder(a: ModelEntry, b: ModelEntry): number {
  const turns = a.dueIn! - b.dueIn!;
  if (turns !== 0) return turns;
  // Overdue on arrival: first come, first served.
  if (!Number.isInteger(a.dueIn)) return a.arrival - b.arrival;
  return a.tick - b.tick || a.arrival - b.arrival;
}
