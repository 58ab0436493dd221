import t from 'tap';
import type { Sequence } from '../../engine/kernel/brand.js';
import { type CursorPositions, decodeCursor, encodeCursor } from '../../engine/status/cursor.js';

const positions = (...list: (number | null)[]) => list as CursorPositions;

t.test('a cursor gives back the positions it was made of', async (t) => {
  const lists = [
    positions(0),
    positions(null),
    positions(1, null, 126, 127, 128),
    positions(16_382, 16_383, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER - 1),
    Array.from({ length: 1_024 }, (_, partition) => (partition * 9_999) as Sequence),
  ];
  for (const list of lists) t.same(decodeCursor(encodeCursor(list), list.length), list);
});

t.test('a cursor is short and safe in URLs and headers', async (t) => {
  const cursor = encodeCursor(positions(1_000_000, 1_000_001, 999_999, 5_000));
  t.match(cursor, /^[A-Za-z0-9_-]+$/);
  t.ok(cursor.length <= 18, cursor);
});

t.test('a cursor of another number of partitions is none', async (t) => {
  const cursor = encodeCursor(positions(1, 2, 3, 4));
  t.equal(decodeCursor(cursor, 3), null);
  t.equal(decodeCursor(cursor, 5), null);
});

t.test('what no engine has written is no cursor', async (t) => {
  const cursor = encodeCursor(positions(300, 2));
  const bytes = [...Buffer.from(cursor, 'base64url')];
  const of = (...list: number[]) => Buffer.from(list).toString('base64url');
  const garbage = {
    'nothing at all': '',
    words: 'now',
    'a blank at the end': `${cursor} `,
    padding: `${cursor}==`,
    'a foreign character': `${cursor.slice(0, -1)}!`,
    'another format': of(2, ...bytes.slice(1)),
    'a missing byte': of(...bytes.slice(0, -1)),
    'a byte too many': of(...bytes, 0),
    'an over-long varint': of(1, 2, 0x80, 0x00, 3),
    'a number beyond the safe ones': of(1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 3),
    'a varint without end': of(1, 2, ...new Array<number>(40).fill(0xff)),
    'a megabyte': 'A'.repeat(1_000_000),
  };
  for (const [name, text] of Object.entries(garbage)) t.equal(decodeCursor(text, 2), null, name);
});

t.test('a cursor with one character changed is none, or another valid one', async (t) => {
  const cursor = encodeCursor(positions(70_000, null, 12));
  for (let at = 0; at < cursor.length; at++) {
    for (const character of 'AZaz09-_+/=.') {
      const changed = cursor.slice(0, at) + character + cursor.slice(at + 1);
      const decoded = decodeCursor(changed, 3);
      if (decoded !== null) t.equal(encodeCursor(decoded), changed);
    }
  }
});
