/**
 * Where a tick lives: levels, windows, slots, and how a list is numbered. Numbers in, numbers out.
 *
 *     level   width of a slot   ring of 512 slots
 *     0       1 ms              512 ms
 *     1       64 ms             33 s
 *     2       4 s               35 min
 *     3       4 min             37 h
 *     4       5 h               99 d
 *     5       12 d              17 y
 *     6       2 y               1,100 y
 *     7       139 y             71,000 y
 *
 * A *window* is the 64 slots that one slot of the level above covers, and a ring is eight windows: the one that `now` is in
 * and the seven after it. With a ring of one window (the textbook wheel) a coarse slot can be distributed only in the tick
 * in which time enters it, all at once; with eight there are seven windows of time for it
 * (docs/decisions/the-wheel-distributes-coarse-slots-seven-windows-ahead.md).
 *
 * Example, now = 70, so window 1 of level 0 (64-127) is current and the ring reaches to the end of window 8: tick 575 is
 * level 0, tick 576 is level 1 (slot 9). At now = 128 window 9 (576-639) comes within reach, and slot 9 of level 1 may be
 * distributed: the earliest of its entries has 448 ms to go.
 *
 * Ticks are beyond 2^40, so shifts (32 bits) are of no use. Widths are powers of two, so a multiplication by the inverse
 * is exact; `&` takes the low bits of the whole part of any double (ECMAScript ToInt32), in one machine instruction.
 */
import type { Tick } from '../kernel/brand.js';

export const levels = 8;
/** Slots of a level that make up one slot of the level above. */
export const windowSlots = 64;
/** The current window and those ahead of it. */
export const ringWindows = 8;
export const ringSlots = windowSlots * ringWindows;
/** log2 of `ringSlots`. */
const slotBits = 9;
const ringMask = ringSlots - 1;

/** Priorities: 9 comes first. */
export const ranks = 10;

/** Width of a slot, by level; one more than there are levels, for the windows of the last. */
export const slotTicks = Float64Array.from({ length: levels + 1 }, (_, level) => windowSlots ** level);
const slotsPerTick = slotTicks.map((width) => 1 / width);

/** Slot of a tick, counted from tick 0. */
export function slotNumber(tick: number, level: number): number {
  return Math.floor(tick * slotsPerTick[level]);
}

/** The same as a position in the ring, 0-511. */
export function ringSlot(tick: number, level: number): number {
  return (tick * slotsPerTick[level]) & ringMask;
}

/** Position in the ring of a slot that is counted from tick 0. */
export function ringSlotOf(slot: number): number {
  return slot & ringMask;
}

/** First tick that the ring of this level does not reach: eight windows from the start of the current one. */
export function horizonTick(now: Tick, level: number): number {
  return (slotNumber(now, level + 1) + ringWindows) * slotTicks[level + 1];
}

/** First tick of the earliest slot that is not wholly past: every tick before it is due. */
export function passedTick(now: Tick, level: number): number {
  return slotNumber(now + 1, level) * slotTicks[level];
}

/** When this slot comes within reach of the level below, so that it may be distributed. */
export function reachableTick(slot: number, level: number): number {
  return (slot - (ringWindows - 1)) * slotTicks[level];
}

/*
 * Lists are numbered from three fields: block, rank, slot. Block 0 holds the due lists, blocks 1-8 the levels 0-7. All
 * lists of one rank and level lie together: ranks that nobody uses cost no memory pages. A *place* is the same without the
 * rank: a slot of a level, or a lane of due entries.
 */
const rankBits = 4;
const listBlockShift = slotBits + rankBits;
const rankMask = (1 << rankBits) - 1;

export const blocks = levels + 1;
export const places = blocks << slotBits;
/** Also counts the numbers of ranks 10-15, which nobody uses. */
export const lists = blocks << listBlockShift;

export const dueBlock = 0;
/** Place 0 is no place, so that a column full of zeros says "not in the wheel". */
export const nowhere = 0;
/** Became due in this turn. */
export const freshPlace = 1;
/** Became due in an earlier turn. */
export const backlogPlace = 2;

export function blockOf(level: number): number {
  return level + 1;
}

export function placeOf(block: number, slot: number): number {
  return (block << slotBits) | slot;
}

export function blockOfPlace(place: number): number {
  return place >>> slotBits;
}

export function listOf(place: number, rank: number): number {
  return ((place >>> slotBits) << listBlockShift) | (rank << slotBits) | (place & ringMask);
}

export function placeOfList(list: number): number {
  return ((list >>> listBlockShift) << slotBits) | (list & ringMask);
}

export function rankOfList(list: number): number {
  return (list >>> slotBits) & rankMask;
}

/** The highest rank in a set of ranks that is not empty. */
export function highestRank(rankSet: number): number {
  return 31 - Math.clz32(rankSet);
}
