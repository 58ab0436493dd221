/**
 * Hierarchical timing wheel: which events are due now?
 *
 * Most events are inserted once and many are cancelled, so both must take constant time; a heap pays log n for each.
 *
 * Geometry (`geometry.ts`). 8 levels, each slot 64 times as wide as on the level below, ticks of 1 ms. An entry goes to
 * the lowest level whose ring of eight windows reaches its tick. Whenever a window of a level begins, one more slot of the
 * level above comes within reach and is distributed to finer slots: seven windows ahead of its time, most urgent first, at
 * most `budget` entries per call. So a slot with a million entries ("tomorrow, 09:00") holds up nobody.
 *
 * Example, now = 60: tick 511 is level 0, ticks 512-575 are level 1, slot 8. At now = 64 that slot comes within reach and
 * its entries move to level 0, at least 448 ms before the first of them is due.
 *
 * Due. A slot that is wholly past joins the due lists in constant time per rank, at every level. So a jump of time, however
 * far, costs the same few microseconds; what is late in a coarse slot comes out in order of rank, slot, arrival. There are
 * two lanes: what became due in this turn, and the backlog of earlier turns; `due-slice.ts` says who goes first.
 *
 * Invariants: every live entry is in exactly one list; an occupancy bit is set exactly when its list is not empty; nothing
 * is reported before its tick; `now` never goes back; while not `behind`, no slot within reach of a lower level is occupied,
 * so that entries of one rank and tick come out as they went in.
 *
 * Knows ticks, handles and ranks, nothing of events, clocks or disks. Owned by one partition, one thread.
 */
import type { Handle, Tick } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { pendingPerPartitionMax } from '../kernel/limits.js';
import { Entries, handleOf, isEntry } from './entries.js';
import {
  backlogPlace,
  blockOf,
  blockOfPlace,
  blocks,
  dueBlock,
  freshPlace,
  highestRank,
  horizonTick,
  levels,
  listOf,
  nowhere,
  passedTick,
  placeOf,
  places,
  ranks,
  reachableTick,
  ringSlot,
  ringSlotOf,
  ringSlots,
  ringWindows,
  slotNumber,
  slotTicks,
} from './geometry.js';
import { Lists } from './lists.js';
import { Occupancy } from './occupancy.js';

/** `fresh`: became due since the last turn ended. `backlog`: was due then already, and left over. */
export type DueLane = 'fresh' | 'backlog';

export interface TakeDue {
  readonly lane: DueLane;
  readonly rank: number;
  /** Handles are written here, ... */
  readonly out: Int32Array;
  /** ... from this index on, ... */
  readonly at: number;
  /** ... at most so many. */
  readonly limit: number;
}

export class Wheel {
  readonly #entries = new Entries();
  readonly #occupancy = new Occupancy();
  readonly #lists = new Lists(this.#entries, this.#occupancy);
  /** Entries put at each place. Due entries are counted together, since they become due by whole places. */
  readonly #counts = new Uint32Array(places);
  #size = 0;
  #dueCount = 0;

  #now: Tick;
  /** `now` when the last turn ended: what is found to be due by then is late already. */
  #turnEndedAt: Tick;
  /** By level: the first tick that its ring does not reach. */
  readonly #horizons = new Float64Array(levels);
  /** By block: the first tick that has not become due with its whole slot. Everything in the due block is due. */
  readonly #passed = new Float64Array(blocks);
  #behind = false;

  constructor(now: Tick) {
    if (!(now >= 0)) throw new InvariantError(`a wheel starts at a tick from 0, found ${now}`);
    this.#now = now;
    this.#turnEndedAt = now;
    for (let level = 0; level < levels; level++) {
      this.#horizons[level] = horizonTick(now, level);
      this.#passed[blockOf(level)] = passedTick(now, level);
    }
    this.#passed[dueBlock] = Number.POSITIVE_INFINITY;
  }

  /** The latest tick that it was advanced to. */
  get now(): Tick {
    return this.#now;
  }

  /** Entries in the wheel, due or not. */
  get size(): number {
    return this.#size;
  }

  /** Those that are due and not yet taken. */
  get dueCount(): number {
    return this.#dueCount;
  }

  get hasDue(): boolean {
    return this.#dueCount > 0;
  }

  /** Whether the last `advance` ran out of its budget; there may be due entries that it has not found yet. */
  get behind(): boolean {
    return this.#behind;
  }

  contains(handle: Handle): boolean {
    return this.#entries.has(handle);
  }

  /** The tick of an entry that is in the wheel. */
  deadline(handle: Handle): Tick {
    if (!this.#entries.has(handle)) throw new InvariantError(`handle ${handle} is not in the wheel`);
    return this.#entries.deadlineAt(handle) as Tick;
  }

  /** A tick that is not after `now` is due at once. */
  insert(handle: Handle, tick: Tick, rank: number): void {
    if (handle >>> 0 !== handle || handle >= pendingPerPartitionMax) throw new InvariantError(`not a handle: ${handle}`);
    if (rank >>> 0 !== rank || rank >= ranks)
      throw new InvariantError(`expected a rank of 0-9, found ${rank} for handle ${handle}`);
    // A fraction would be cut off and fire early; NaN differs from itself.
    if (Math.floor(tick) !== tick || tick >= this.#horizons[levels - 1]) {
      throw new InvariantError(`expected a whole tick before ${this.#horizons[levels - 1]}, found ${tick} for handle ${handle}`);
    }
    if (this.#entries.has(handle))
      throw new InvariantError(`handle ${handle} is in the wheel already, at ${this.#entries.deadlineAt(handle)}`);
    this.#entries.reserve(handle);
    this.#entries.setDeadline(handle, tick);
    this.#size++;
    if (tick <= this.#now) this.#putDue(handle, freshPlace, rank);
    else this.#put(handle, tick, rank);
  }

  /** Whether it was there. Also for an entry that is due and not yet taken. */
  remove(handle: Handle): boolean {
    if (!this.#entries.has(handle)) return false;
    const place = this.#entries.placeAt(handle);
    const isDue = this.#entries.deadlineAt(handle) < this.#passed[blockOfPlace(place)];
    if (isDue) this.#dueCount--;
    else this.#counts[place]--;
    this.#size--;
    this.#lists.unlink(handle);
    this.#entries.setPlace(handle, nowhere);
    return true;
  }

  /**
   * Move time, never back. What has become due can be taken afterwards. At most `budget` entries are moved to finer slots;
   * returns how many, so that several wheels can share one budget. An earlier `now` only goes on distributing.
   */
  advance(now: Tick, budget: number): number {
    if (now > this.#now) {
      this.#now = now;
      this.#collectPassed();
      this.#moveHorizons();
    }
    return this.#behind ? this.#distribute(budget) : 0;
  }

  /** Ranks that have due entries in this lane, as bits. */
  dueRanks(lane: DueLane): number {
    return this.#occupancy.ranksAt(lanePlaces[lane]);
  }

  /**
   * Take due entries of one rank out of the wheel: in order of deadline, then arrival. (What a jump of more than 448 ms
   * made due is ordered by coarse slots, none wider than a seventh of the jump.) Returns how many.
   */
  takeDue(take: TakeDue): number {
    const place = lanePlaces[take.lane];
    if (((this.#occupancy.ranksAt(place) >>> take.rank) & 1) === 0 || take.limit <= 0) return 0;
    const list = listOf(place, take.rank);
    const out = take.out;
    const end = take.at + take.limit;
    if (end > out.length) throw new InvariantError(`room for ${out.length} handles, asked to write up to ${end}`);
    let at = take.at;
    let link = this.#lists.first(list);
    while (at < end && isEntry(link)) {
      const handle = handleOf(link);
      link = this.#entries.nextAt(handle);
      this.#entries.setPlace(handle, nowhere);
      out[at++] = handle;
    }
    this.#lists.dropUntil(link, list);
    const taken = at - take.at;
    this.#size -= taken;
    this.#dueCount -= taken;
    return taken;
  }

  /** Everybody has taken what they could: what is still due waits from now on in the backlog, behind what becomes due later. */
  endTurn(): void {
    this.#turnEndedAt = this.#now;
    for (let left = this.#occupancy.ranksAt(freshPlace); left !== 0; left = this.#occupancy.ranksAt(freshPlace)) {
      const rank = highestRank(left);
      this.#lists.join(listOf(freshPlace, rank), listOf(backlogPlace, rank));
    }
  }

  /**
   * When `advance` has something to do next, null for an empty wheel. Never later than the next entry is due, but it may
   * be earlier: a coarse slot that comes within reach wants to be distributed then. That happens once for each occupied
   * slot and at most once per level in the life of an entry, so one entry a year away wakes its owner six times, and a
   * wheel that has only far entries lets it sleep long. `now` while anything is due or `behind`.
   */
  nextDeadline(): Tick | null {
    if (this.#size === 0) return null;
    if (this.#dueCount > 0 || this.#behind) return this.#now;
    let earliest = Number.POSITIVE_INFINITY;
    for (let level = 0; level < levels; level++) {
      const from = this.#passed[blockOf(level)] / slotTicks[level];
      const steps = this.#occupancy.stepsToNext(blockOf(level), ringSlotOf(from));
      if (steps < 0) continue;
      earliest = Math.min(earliest, level === 0 ? from + steps : reachableTick(from + steps, level));
    }
    return earliest as Tick;
  }

  /** Forget every entry; time stays. */
  clear(): void {
    this.#entries.clear();
    this.#occupancy.clear();
    this.#counts.fill(0);
    this.#size = 0;
    this.#dueCount = 0;
    this.#behind = false;
  }

  /** For the checker in the tests, which compares every link, bit and count with every other. */
  get parts(): { readonly entries: Entries; readonly occupancy: Occupancy; readonly lists: Lists; readonly counts: Uint32Array } {
    return { entries: this.#entries, occupancy: this.#occupancy, lists: this.#lists, counts: this.#counts };
  }

  #putDue(handle: number, place: number, rank: number): void {
    this.#lists.append(handle, listOf(place, rank));
    this.#entries.setPlace(handle, place);
    this.#dueCount++;
  }

  /** To the lowest level that reaches its tick. Measured by bench/micro/wheel-insert.bench.ts. */
  #put(handle: number, tick: number, rank: number): void {
    let level = 0;
    while (tick >= this.#horizons[level]) level++;
    const place = placeOf(blockOf(level), ringSlot(tick, level));
    this.#lists.append(handle, listOf(place, rank));
    this.#entries.setPlace(handle, place);
    this.#counts[place]++;
  }

  /** Slots that are wholly past become due, lower levels first because they hold the earlier ticks. */
  #collectPassed(): void {
    for (let level = 0; level < levels; level++) {
      const block = blockOf(level);
      const before = this.#passed[block];
      const passed = passedTick(this.#now, level);
      // A slot of this level has not passed, so none of a higher level has.
      if (passed === before) return;
      this.#passed[block] = passed;
      this.#collectSlots(level, before / slotTicks[level], passed / slotTicks[level]);
    }
  }

  /** Slots `first` to before `end`, in order. A ring holds no more than one turn of slots, however far time has jumped. */
  #collectSlots(level: number, first: number, end: number): void {
    const block = blockOf(level);
    const start = ringSlotOf(first);
    const count = Math.min(end - first, ringSlots);
    for (let at = 0; at < count; at++) {
      const steps = this.#occupancy.stepsToNext(block, ringSlotOf(start + at));
      at += steps;
      if (steps < 0 || at >= count) return;
      this.#collectSlot(placeOf(block, ringSlotOf(start + at)));
    }
  }

  #collectSlot(place: number): void {
    this.#dueCount += this.#counts[place];
    this.#counts[place] = 0;
    for (let left = this.#occupancy.ranksAt(place); left !== 0; left = this.#occupancy.ranksAt(place)) {
      const rank = highestRank(left);
      this.#lists.join(listOf(place, rank), listOf(freshPlace, rank));
    }
  }

  #moveHorizons(): void {
    for (let level = 0; level < levels; level++) {
      const horizon = horizonTick(this.#now, level);
      if (horizon === this.#horizons[level]) return;
      this.#horizons[level] = horizon;
      this.#behind = true;
    }
  }

  /** Slots that a lower level now reaches fall to it: lowest level first, then earliest slot, then highest rank. */
  #distribute(budget: number): number {
    let left = budget;
    for (let level = 1; level < levels; level++) {
      const first = slotNumber(this.#now, level);
      for (let ahead = 0; ahead < ringWindows; ahead++) {
        const place = placeOf(blockOf(level), ringSlotOf(first + ahead));
        for (let rankSet = this.#occupancy.ranksAt(place); rankSet !== 0; rankSet = this.#occupancy.ranksAt(place)) {
          if (left <= 0) return budget;
          left -= this.#scatter(place, highestRank(rankSet), left);
        }
      }
    }
    this.#behind = false;
    return budget - left;
  }

  /** Move up to `limit` entries from the front of a coarse list to where they belong now. */
  #scatter(place: number, rank: number, limit: number): number {
    const list = listOf(place, rank);
    let link = this.#lists.first(list);
    let moved = 0;
    while (moved < limit && isEntry(link)) {
      const handle = handleOf(link);
      const tick = this.#entries.deadlineAt(handle);
      link = this.#entries.nextAt(handle);
      if (tick <= this.#now) this.#putDue(handle, tick > this.#turnEndedAt ? freshPlace : backlogPlace, rank);
      else this.#put(handle, tick, rank);
      moved++;
    }
    this.#lists.dropUntil(link, list);
    this.#counts[place] -= moved;
    return moved;
  }
}

const lanePlaces = { fresh: freshPlace, backlog: backlogPlace } as const satisfies Record<DueLane, number>;
