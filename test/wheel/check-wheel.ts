/**
 * The wheel's invariants, checked by looking at everything: every live entry is in exactly one list, links agree in both
 * directions, an occupancy bit is set exactly when its list is not empty, counts are what a walk finds, no entry waits in
 * a slot that is past, and (unless the wheel is behind) none is in a coarser slot than it needs.
 */
import type { Handle } from '../../engine/kernel/brand.js';
import { handleOf, isEntry } from '../../engine/wheel/entries.js';
import {
  backlogPlace,
  blocks,
  dueBlock,
  freshPlace,
  horizonTick,
  listOf,
  placeOf,
  ranks,
  ringSlot,
  ringSlots,
} from '../../engine/wheel/geometry.js';
import type { Wheel } from '../../engine/wheel/wheel.js';

export function checkWheel(wheel: Wheel): void {
  const { entries, occupancy, counts } = wheel.parts;
  const seen = new Set<number>();
  let due = 0;
  for (let block = 0; block < blocks; block++) {
    for (let slot = 0; slot < ringSlots; slot++) {
      const place = placeOf(block, slot);
      let found = 0;
      for (let rank = 0; rank < ranks; rank++) {
        for (const handle of walk(wheel, listOf(place, rank))) {
          expect(!seen.has(handle), `handle ${handle} is in two lists`);
          seen.add(handle);
          found++;
          const tick = entries.deadlineAt(handle);
          if (block === dueBlock) {
            expect(place === freshPlace || place === backlogPlace, `handle ${handle} is in no lane: ${place}`);
            expect(tick <= wheel.now, `handle ${handle} came out early: ${tick} at ${wheel.now}`);
          } else {
            checkSlot(wheel, { handle, tick, level: block - 1, slot });
            expect(entries.placeAt(handle) === place, `handle ${handle} says place ${entries.placeAt(handle)}, is in ${place}`);
          }
        }
      }
      if (block === dueBlock) due += found;
      else expect(counts[place] === found, `place ${place} counts ${counts[place]}, holds ${found}`);
      if (found > 0) expect(occupancy.stepsToNext(block, slot) === 0, `the bit of place ${place} is not set`);
      else
        expect(
          occupancy.ranksAt(place) === 0 && occupancy.stepsToNext(block, slot) !== 0,
          `a bit of empty place ${place} is set`,
        );
    }
  }
  let live = 0;
  for (let handle = 0; handle < entries.rows; handle++) if (entries.has(handle)) live++;
  expect(live === seen.size, `${live} live entries, ${seen.size} in lists`);
  expect(wheel.size === seen.size, `size says ${wheel.size}, found ${seen.size}`);
  expect(wheel.dueCount === due, `dueCount says ${wheel.dueCount}, found ${due}`);
}

function checkSlot(
  wheel: Wheel,
  at: { readonly handle: number; readonly tick: number; readonly level: number; readonly slot: number },
): void {
  expect(ringSlot(at.tick, at.level) === at.slot, `handle ${at.handle} (${at.tick}) is in slot ${at.slot} of level ${at.level}`);
  expect(at.tick < horizonTick(wheel.now, at.level), `level ${at.level} does not reach tick ${at.tick} at ${wheel.now}`);
  if (wheel.behind) return;
  expect(at.tick > wheel.now, `handle ${at.handle} (${at.tick}) waits although it is ${wheel.now}`);
  const below = at.level - 1;
  expect(below < 0 || at.tick >= horizonTick(wheel.now, below), `tick ${at.tick} is still in level ${at.level} at ${wheel.now}`);
}

/** The handles of a list in order; both directions of its links must agree. */
function walk(wheel: Wheel, list: number): Handle[] {
  const { entries, lists, occupancy } = wheel.parts;
  const handles: Handle[] = [];
  if (!occupancy.has(list)) return handles;
  let before = -list;
  let link = lists.first(list);
  expect(isEntry(link), `list ${list} is marked but empty`);
  while (isEntry(link)) {
    const handle = handleOf(link) as Handle;
    expect(entries.has(handle), `list ${list} holds ${handle}, which is not live`);
    expect(entries.previousAt(handle) === before, `handle ${handle} points back to ${entries.previousAt(handle)}, not ${before}`);
    handles.push(handle);
    before = link;
    link = entries.nextAt(handle);
  }
  expect(link === -list, `list ${list} ends in list ${-link}`);
  return handles;
}

function expect(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}
