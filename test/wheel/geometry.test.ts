import t from 'tap';
import type { Tick } from '../../engine/kernel/brand.js';
import * as geometry from '../../engine/wheel/geometry.js';
import { Random } from './random.js';

const tick = (value: number): Tick => value as Tick;

t.test('the ring of a level reaches to the end of the eighth window, the current one included', (t) => {
  t.equal(geometry.horizonTick(tick(70), 0), 576);
  t.equal(geometry.horizonTick(tick(127), 0), 576);
  t.equal(geometry.horizonTick(tick(128), 0), 640);
  t.equal(geometry.horizonTick(tick(70), 1), 8 * 4096);
  t.end();
});

t.test('a slot comes within reach exactly when the ring below reaches its last tick', (t) => {
  const random = new Random(1);
  for (let round = 0; round < 10_000; round++) {
    const level = 1 + random.below(geometry.levels - 1);
    const slot = 8 + random.below(2 ** (6 * (8 - level)));
    const reachable = geometry.reachableTick(slot, level);
    const end = (slot + 1) * geometry.slotTicks[level];
    if (geometry.horizonTick(tick(reachable), level - 1) < end)
      t.fail(`slot ${slot} of level ${level} does not fit at ${reachable}`);
    if (geometry.horizonTick(tick(reachable - 1), level - 1) >= end)
      t.fail(`slot ${slot} of level ${level} fits before ${reachable}`);
  }
  t.end();
});

t.test('slots of ticks far beyond 32 bits agree with exact integer arithmetic', (t) => {
  const random = new Random(2);
  for (let round = 0; round < 10_000; round++) {
    const value = Math.floor(random.next() * 2 ** (20 + random.below(31)));
    for (let level = 0; level < geometry.levels; level++) {
      const slot = BigInt(value) >> BigInt(6 * level);
      if (geometry.slotNumber(value, level) !== Number(slot)) t.fail(`slot of ${value} at level ${level}`);
      if (geometry.ringSlot(value, level) !== Number(slot % BigInt(geometry.ringSlots)))
        t.fail(`ring slot of ${value} at level ${level}`);
    }
  }
  t.end();
});

t.test('a slot that is not wholly past is never counted as passed', (t) => {
  t.equal(geometry.passedTick(tick(62), 1), 0);
  t.equal(geometry.passedTick(tick(63), 1), 64, 'its last tick is due');
  t.equal(geometry.passedTick(tick(63), 0), 64);
  t.end();
});

t.test('a list number carries its place and rank', (t) => {
  for (let place = 0; place < geometry.places; place++) {
    for (let rank = 0; rank < geometry.ranks; rank++) {
      const list = geometry.listOf(place, rank);
      if (geometry.placeOfList(list) !== place || geometry.rankOfList(list) !== rank || list >= geometry.lists)
        t.fail(`list ${list}`);
    }
  }
  t.equal(geometry.blockOfPlace(geometry.placeOf(8, 511)), 8);
  t.end();
});
