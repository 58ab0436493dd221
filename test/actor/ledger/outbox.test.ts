import t from 'tap';
import { Outbox } from '../../../engine/actor/ledger/outbox.js';
import type { Sequence } from '../../../engine/kernel/brand.js';

const seq = (value: number) => value as Sequence;

function setup() {
  const outbox = new Outbox<string>();
  const out: string[] = [];
  return { outbox, out, release: (durable: number) => outbox.release(seq(durable), (entry, at) => out.push(`${entry}@${at}`)) };
}

t.test('everything up to the durable position leaves, in order, and nothing behind it', async (t) => {
  const { outbox, out, release } = setup();
  for (const [at, entry] of [
    [1, 'a'],
    [1, 'b'],
    [2, 'c'],
    [4, 'd'],
  ] as const) {
    outbox.hold(seq(at), entry);
  }
  release(0);
  t.same(out, []);
  release(3);
  t.same(out, ['a@1', 'b@1', 'c@2']);
  t.equal(outbox.size, 1);
  release(4);
  t.same(out, ['a@1', 'b@1', 'c@2', 'd@4']);
  t.equal(outbox.size, 0);
});

t.test('what is discarded is what had not left, in order', async (t) => {
  const { outbox, out, release } = setup();
  for (const at of [1, 2, 3]) outbox.hold(seq(at), `entry ${at}`);
  release(1);
  t.same(outbox.discard(), ['entry 2', 'entry 3']);
  t.equal(outbox.size, 0);
  release(9);
  t.same(out, ['entry 1@1']);
});

t.test('what is held while others leave has its turn in the same release', async (t) => {
  const outbox = new Outbox<string>();
  const out: string[] = [];
  outbox.hold(seq(1), 'first');
  outbox.release(seq(2), (entry) => {
    out.push(entry);
    if (entry === 'first') outbox.hold(seq(2), 'second');
  });
  t.same(out, ['first', 'second']);
});

t.test('a long run in small steps keeps its order and its size', async (t) => {
  const { outbox, out, release } = setup();
  let held = 0;
  for (let durable = 0; durable < 3_000; durable++) {
    for (let more = 0; more < 4; more++) outbox.hold(seq(++held), `${held}`);
    release(durable * 3);
    if (outbox.size !== held - durable * 3) t.fail(`size ${outbox.size}`);
  }
  release(held);
  t.equal(out.length, held);
  t.ok(out.every((entry, index) => entry === `${index + 1}@${index + 1}`));
});
