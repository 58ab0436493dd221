import t from 'tap';
import { type AnswerBlock, AnswerMemory } from '../../../gateway/http/answer-memory.js';

interface Answer {
  readonly block: AnswerBlock;
  readonly at: number;
  readonly bytes: number;
  readonly mark: number;
}

function layOut(memory: AnswerMemory, bytes: number, mark: number): Answer {
  const block = memory.blockFor(bytes);
  const at = block.end;
  block.bytes.fill(mark, at, at + bytes);
  block.end = at + bytes;
  return { block, at, bytes, mark };
}

const isWhole = ({ block, at, bytes, mark }: Answer) => Buffer.alloc(bytes, mark).equals(block.bytes.subarray(at, at + bytes));

t.test('an open answer is never written over, in whatever order others are given back', async (t) => {
  const memory = new AnswerMemory();
  const open: Answer[] = [];
  for (let count = 0; count < 20_000; count++) {
    open.push(layOut(memory, count % 997 === 0 ? 100_000 : 1 + ((count * 389) % 3_000), count % 251));
    // Some are never given back: their clients have gone.
    while (open.length > 200) {
      const [answer] = open.splice((count * 7) % open.length, 1);
      if (!isWhole(answer!)) t.fail(`answer with ${answer!.mark} is written over`);
      if (count % 1_000 !== 0) answer!.block.giveBack();
    }
  }
  t.ok(open.every(isWhole));
});

t.test('answers that come one after the other lie in the same place', async (t) => {
  const memory = new AnswerMemory();
  for (let count = 0; count < 100; count++) {
    const { block, at } = layOut(memory, 1_000, 1);
    t.equal(at, 0);
    block.giveBack();
  }
});

t.test('blocks whose answers have all left are used again', async (t) => {
  const memory = new AnswerMemory();
  const used = new Set<AnswerBlock>();
  for (let round = 0; round < 50; round++) {
    const answers = Array.from({ length: 256 }, () => layOut(memory, 1_100, round));
    for (const { block } of answers) used.add(block);
    for (const { block } of answers) block.giveBack();
  }
  t.ok(used.size <= 12, `${used.size} blocks for 256 answers at a time`);
});
