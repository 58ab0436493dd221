import t from 'tap';
import type { Handle, Tick } from '../../engine/kernel/brand.js';
import { DueSlice } from '../../engine/wheel/due-slice.js';
import { Wheel } from '../../engine/wheel/wheel.js';

const start = 1_760_000_000_000;

function setup(options: { readonly wheels: number; readonly limit: number }) {
  const wheels = Array.from({ length: options.wheels }, () => new Wheel(start as Tick));
  const slice = new DueSlice(options.limit);
  return {
    wheels,
    insert: (wheel: number, handle: number, more: { readonly ahead: number; readonly rank: number }) =>
      wheels[wheel]!.insert(handle as Handle, (start + more.ahead) as Tick, more.rank),
    advance: (ahead: number) => {
      for (const wheel of wheels) wheel.advance((start + ahead) as Tick, 100_000);
    },
    /** As `wheel:handle`. */
    take: (): string[] => {
      const count = slice.take(wheels);
      slice.endTurn(wheels);
      return Array.from({ length: count }, (_, index) => `${slice.wheels[index]}:${slice.handleAt(index)}`);
    },
  };
}

t.test('over all wheels the higher rank goes first', (t) => {
  const { insert, advance, take } = setup({ wheels: 2, limit: 10 });
  insert(0, 1, { ahead: 1, rank: 2 });
  insert(1, 2, { ahead: 1, rank: 9 });
  insert(0, 3, { ahead: 1, rank: 5 });
  insert(1, 4, { ahead: 1, rank: 0 });
  advance(1);
  t.same(take(), ['1:2', '0:3', '0:1', '1:4']);
  t.same(take(), []);
  t.end();
});

t.test("one partition's flood delays no other of the same rank", (t) => {
  const { insert, advance, take } = setup({ wheels: 3, limit: 10 });
  for (let handle = 0; handle < 1_000; handle++) insert(0, handle, { ahead: 1, rank: 5 });
  insert(1, 0, { ahead: 1, rank: 5 });
  insert(2, 0, { ahead: 1, rank: 5 });
  advance(1);
  const first = take();
  t.ok(first.includes('1:0') && first.includes('2:0'));
  t.equal(first.length, 10, 'and what the others do not use goes to the flood');
  t.end();
});

t.test('what is on time goes before the left-over of a flood, which still gets its quarter', (t) => {
  const { insert, advance, take } = setup({ wheels: 1, limit: 8 });
  for (let handle = 0; handle < 100; handle++) insert(0, handle, { ahead: 1, rank: 9 });
  for (let handle = 100; handle < 110; handle++) insert(0, handle, { ahead: 2, rank: 0 });
  insert(0, 200, { ahead: 3, rank: 0 });
  advance(1);
  t.equal(take().length, 8);
  advance(2);
  t.same(take(), ['0:100', '0:101', '0:102', '0:103', '0:104', '0:105', '0:8', '0:9']);
  advance(3);
  t.same(take(), ['0:200', '0:10', '0:11', '0:12', '0:13', '0:14', '0:15', '0:16'], 'and all that is free');
  t.end();
});

t.test('a quarter that the left-over does not need goes to what is on time', (t) => {
  const { insert, advance, take } = setup({ wheels: 1, limit: 8 });
  for (let handle = 0; handle < 9; handle++) insert(0, handle, { ahead: 1, rank: 9 });
  for (let handle = 20; handle < 40; handle++) insert(0, handle, { ahead: 2, rank: 0 });
  advance(1);
  take();
  advance(2);
  t.same(take(), ['0:20', '0:21', '0:22', '0:23', '0:24', '0:25', '0:8', '0:26']);
  t.end();
});

t.test('who begins changes from turn to turn', (t) => {
  const { insert, advance, take } = setup({ wheels: 2, limit: 1 });
  for (let handle = 0; handle < 4; handle++) {
    insert(0, handle, { ahead: 1, rank: 5 });
    insert(1, handle, { ahead: 1, rank: 5 });
  }
  advance(1);
  const begun = new Set([...take(), ...take()].map((entry) => entry.split(':')[0]));
  t.same([...begun].sort(), ['0', '1']);
  t.end();
});
