import t from 'tap';
import { type BodiesRead, GatheredBodies } from '../../../engine/actor/desks/gathered-bodies.js';
import { Reads } from '../../../engine/actor/reads.js';
import type { PartitionId, Sequence } from '../../../engine/kernel/brand.js';
import type { ReaderRequest } from '../../../engine/log/protocol.js';

type Bodies = Extract<ReaderRequest, { op: 'bodies' }>;
const [one, other] = [0 as PartitionId, 1 as PartitionId];
const seqsOf = (...seqs: number[]): Sequence[] => seqs as Sequence[];

function setup() {
  const sent: Bodies[] = [];
  const reads = new Reads((request) => sent.push(request as Bodies));
  const specs = new GatheredBodies(reads);
  const heard: BodiesRead[] = [];
  const ask = (partition: PartitionId, ...seqs: number[]): void =>
    specs.ask(partition, { seqs: seqsOf(...seqs), take: (read) => heard.push(read) });
  /** Each body says whose it is. */
  const answer = (damaged: readonly Sequence[] = []): void => {
    for (const { tag, seqs } of sent.splice(0)) {
      reads.answered({ op: 'bodies', tag, bodies: seqs.map((seq) => Uint8Array.of(seq)), damaged });
    }
  };
  const bodies = () => heard.map((read) => (read.op === 'bodies' ? read.bodies.map(([seq]) => seq) : read.detail));
  return { sent, reads, specs, heard, ask, answer, bodies };
}

t.test('what is asked for in one turn is one question for each partition, and each hears of its own', async (t) => {
  const { sent, specs, ask, answer, bodies } = setup();
  ask(one, 7);
  ask(other, 9);
  ask(one, 3, 5);
  t.same(sent, [], 'not before the turn ends');
  specs.flush();
  t.same(
    sent.map(({ partition, seqs }) => [partition, seqs]),
    [
      [one, [7, 3, 5]],
      [other, [9]],
    ],
  );
  answer();
  t.same(bodies(), [[7], [3, 5], [9]]);
  specs.flush();
  t.same(sent, [], 'once');
});

t.test('a question is not larger than a message should be, unless one alone is', async (t) => {
  const { sent, specs, ask, answer, bodies } = setup();
  for (let seq = 1; seq <= 130; seq++) ask(one, seq);
  const many = Array.from({ length: 70 }, (_, at) => 200 + at);
  ask(one, ...many);
  specs.flush();
  t.same(
    sent.map(({ seqs }) => seqs.length),
    [64, 64, 2, 70],
  );
  answer();
  t.same(bodies().flat(), [...Array.from({ length: 130 }, (_, at) => at + 1), ...many.map((seq) => seq & 255)]);
});

t.test('a damaged row fails whoever asked for it, a failure everybody', async (t) => {
  const { sent, reads, specs, heard, ask, answer, bodies } = setup();
  ask(one, 1, 2);
  ask(one, 3);
  specs.flush();
  answer(seqsOf(2));
  t.same(
    heard.map((read) => (read.op === 'bodies' ? read.damaged : null)),
    [[2], []],
  );
  heard.length = 0;
  ask(one, 1);
  ask(one, 3);
  specs.flush();
  reads.answered({ op: 'failed', tag: sent[0]!.tag, failure: 'io', detail: 'no disk' });
  t.same(bodies(), ['no disk', 'no disk']);
});
