import t from 'tap';
import { Reads } from '../../engine/actor/reads.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import type { ReaderReply, ReaderRequest } from '../../engine/log/protocol.js';

const partition = 0 as PartitionId;

function setup() {
  const sent: ReaderRequest[] = [];
  const reads = new Reads((request) => sent.push(request));
  return { reads, sent };
}

const view = { op: 'view', partition, newest: 1 as Sequence } as const;
const found = (tag: number): ReaderReply => ({ op: 'found', tag, finished: [] });

t.test('each answer reaches the one who asked, in whatever order it comes', async (t) => {
  const { reads } = setup();
  const heard: string[] = [];
  const one = reads.ask(view, () => heard.push('one'));
  const two = reads.ask(view, () => heard.push('two'));
  t.equal(reads.open, 2);
  reads.answered(found(two));
  reads.answered(found(one));
  t.same(heard, ['two', 'one']);
  t.equal(reads.open, 0);
});

t.test('a question is answered once; what nobody asked for is dropped', async (t) => {
  const { reads } = setup();
  let heard = 0;
  const tag = reads.ask(view, () => heard++);
  reads.answered(found(tag));
  reads.answered(found(tag));
  reads.answered(found(99));
  reads.answered({ op: 'snapshot-taken', tag: 98, detail: null });
  t.equal(heard, 1);
});

t.test('a replay is answered until it is done or has failed', async (t) => {
  for (const end of [
    { op: 'replay-done', last: 2 as Sequence },
    { op: 'failed', failure: 'broken', detail: '' },
  ] as const) {
    const { reads, sent } = setup();
    const heard: string[] = [];
    const tag = reads.ask({ op: 'replay', partition, snapshotForm: 7 }, (reply) => heard.push(reply.op));
    const batch = { op: 'replay-batch', tag, batch: new Uint8Array(12), done: 0.5 } as const;
    reads.answered(batch);
    reads.next(tag);
    reads.answered(batch);
    reads.answered({ ...end, tag });
    reads.answered(batch);
    t.same(heard, ['replay-batch', 'replay-batch', end.op]);
    t.same(sent, [
      { op: 'replay', partition, snapshotForm: 7, tag },
      { op: 'replay-next', tag },
    ]);
  }
});
