import t from 'tap';
import type { StatusChange } from '../../../engine/event/status-change.js';
import type { PartitionId, Sequence } from '../../../engine/kernel/brand.js';
import { decodeMessages } from '../../../engine/kernel/message-codec.js';
import { acceptedRecords, TestHost } from '../host-fixture.js';

const everything = Number.MAX_SAFE_INTEGER as Sequence;

function setup(parts: ConstructorParameters<typeof TestHost>[0] = {}) {
  const test = TestHost.ready(parts);
  let request = 1_000;
  const ask = (after: number, { upTo = everything as number } = {}) => {
    request++;
    test.host.fromRouter([
      { op: 'changes', request, partition: 0 as PartitionId, after: after as Sequence, upTo: upTo as Sequence },
    ]);
    test.turn();
    return request;
  };
  const told = (asked: number) => {
    const reply = test.replyTo(asked);
    if (reply?.op !== 'changes') return reply;
    const changes = decodeMessages<StatusChange>(reply.changes).map(({ seq, status }) => `${seq} ${status}`);
    return { after: reply.after, through: reply.through, changes };
  };
  return { test, ask, told };
}

t.test('the past is told as far as it is durable, also when nobody watches', async (t) => {
  const { test, ask, told } = setup();
  const event = test.accepted();
  test.accepted();
  test.about('cancel', event);
  test.turn();
  const asked = ask(1);
  test.read();
  t.same(told(asked), { after: 1, through: 2, changes: ['2 SCHEDULED'] }, 'the cancel is not on disk yet');
  test.settle();
  const later = ask(1);
  const some = ask(0, { upTo: 1 });
  test.read();
  t.same(told(later), { after: 1, through: 3, changes: ['2 SCHEDULED', '3 CANCELLED'] });
  t.same(told(some), { after: 0, through: 1, changes: ['1 SCHEDULED'] });
});

t.test('a partition that does not work refuses at once', async (t) => {
  const { test, ask, told } = setup();
  const event = test.accepted();
  test.about('cancel', event);
  test.turn();
  test.failCommit(0);
  const recovering = ask(0);
  t.match(told(recovering), { op: 'refused', code: 'partition-unavailable', detail: /recovering/ });
  test.advance(1_000);
  const again = ask(0);
  test.read();
  t.match(told(again), { through: 1 });
});

t.test('a log that cannot be read is said, and harms nobody else', async (t) => {
  const { test, ask, told } = setup({ logs: new Map([[0, acceptedRecords(3, () => ({}))]]) });
  test.readInstead = (request) =>
    request.op === 'changes' ? { op: 'failed', tag: request.tag, failure: 'io', detail: 'the disk said no' } : null;
  const asked = ask(0);
  test.read();
  t.match(told(asked), { op: 'refused', code: 'internal', detail: 'the disk said no' });
  t.same(test.phases().at(-1), 'ready');
});
