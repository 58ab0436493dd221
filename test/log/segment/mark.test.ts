import { readFileSync, writeFileSync } from 'node:fs';
import t, { type Test as Tap } from 'tap';
import { InvariantError } from '../../../engine/kernel/errors.js';
import { Mark, createMark, logStart, markPath, readMark } from '../../../engine/log/segment/mark.js';
import { partition, seq, tempDir } from '../log-fixture.js';

function setup(t: Tap) {
  const dir = tempDir(t);
  createMark(dir, partition);
  const mark = new Mark(dir, partition);
  t.teardown(() => mark.close());
  return { dir, mark };
}

t.test('a mark is what was last written, also for somebody who opens it anew', (t) => {
  const { dir, mark } = setup(t);
  t.same(readMark(dir, partition), logStart);
  for (const position of [1, 2, 3, 100].map((value) => ({ seq: seq(value), chain: 0xff000000 + value }))) {
    mark.advance(position);
    t.same(mark.position, position);
    t.same(readMark(dir, partition), position);
    const again = new Mark(dir, partition);
    t.same(again.position, position);
    again.close();
  }
  t.end();
});

t.test('a mark never goes back', (t) => {
  const { mark } = setup(t);
  mark.advance({ seq: seq(5), chain: 1 });
  t.throws(() => mark.advance({ seq: seq(4), chain: 1 }), InvariantError);
  t.end();
});

t.test('a torn write costs at most the newest mark, wherever it was cut', (t) => {
  const wrong: string[] = [];
  const { dir, mark } = setup(t);
  mark.advance({ seq: seq(5), chain: 50 });
  const before = readFileSync(markPath(dir));
  mark.advance({ seq: seq(6), chain: 60 });
  const after = readFileSync(markPath(dir));
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  for (let cut = changed[0]!; cut <= changed.at(-1)! + 1; cut++) {
    writeFileSync(markPath(dir), Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
    const found = readMark(dir, partition).seq;
    if (found !== 5 && found !== 6) wrong.push(`cut at ${cut}: found ${found}`);
  }
  t.same(wrong.slice(0, 3), []);
  t.end();
});

t.test('a flipped bit is never taken for a mark', (t) => {
  const wrong: string[] = [];
  const { dir, mark } = setup(t);
  mark.advance({ seq: seq(5), chain: 50 });
  mark.advance({ seq: seq(6), chain: 60 });
  const whole = readFileSync(markPath(dir));
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    // Of the bytes between the slots none is read: some bits stand for them.
    const isInSlot = (bit >> 3) % 4096 < 24;
    if (!isInSlot && bit % 101 !== 0) continue;
    writeFileSync(markPath(dir), flipped);
    const found = readMark(dir, partition);
    if (!(found.seq === 6 && found.chain === 60) && !(found.seq === 5 && found.chain === 50))
      wrong.push(`bit ${bit}: ${JSON.stringify(found)}`);
  }
  t.same(wrong.slice(0, 3), []);
  t.end();
});

t.test('without a readable slot, or without the file, there is no mark to be had', (t) => {
  const { dir } = setup(t);
  writeFileSync(markPath(dir), Buffer.alloc(8192));
  t.throws(() => readMark(dir, partition), { message: /missing or unreadable/ });
  t.throws(() => new Mark(dir, partition), { message: /missing or unreadable/ });
  t.throws(() => readMark(tempDir(t), partition), { message: /mark .* is missing or unreadable/ });
  t.end();
});
