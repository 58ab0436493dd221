/** A partition in a cluster: elsewhere, taken, served, handed over, lost. The replica is the test's. */
import t from 'tap';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import type { HostReply } from '../../../engine/actor/replies.js';
import type { PartitionNews } from '../../../engine/actor/notices.js';
import type { ReplicaReply } from '../../../engine/log/protocol.js';
import { TestLease } from '../../support/test-lease.js';
import { start, TestHost, type TestHostParts } from '../host-fixture.js';

const partition = 0 as PartitionId;
const soon = { scheduledAtMs: (start + 1_000) as never };

function setup(parts: TestHostParts = {}) {
  const lease = new TestLease();
  const test = TestHost.ready({ ...parts, lease });
  const news = (): PartitionNews[] => test.notices.flatMap((notice) => (notice.op === 'partition-news' ? [notice.news] : []));
  const says = (reply: ReplicaReply) => test.host.fromWriter(reply);
  const told = () => test.writerRequests.map(({ op }) => op).filter((op) => op !== 'append' && op !== 'reopen');
  const take = (epoch = 1) => {
    test.host.obey({ op: 'take', partition, epoch, term: lease.term });
    says({ op: 'owned', partition, epoch, losses: 0 });
    test.settle();
  };
  return { test, lease, news, says, told, take };
}

const codeOf = (reply: HostReply | undefined) => (reply?.op === 'refused' ? reply.code : reply?.op);

t.test('a partition that is elsewhere takes nothing and starts nothing', async (t) => {
  const { test } = setup();
  const { request } = test.schedule();
  test.settle();
  t.equal(codeOf(test.replyTo(request)), 'not-owner');
  t.same(test.phases(), ['elsewhere']);
});

t.test('it serves when its log has been taken over and replayed, and says how long that took', async (t) => {
  const { test, news, says, told } = setup();
  test.host.obey({ op: 'follow', partition, on: true });
  test.host.obey({ op: 'take', partition, epoch: 4, term: 0 });
  t.same(told(), ['follow', 'own']);
  const early = test.schedule();
  test.settle();
  t.equal(codeOf(test.replyTo(early.request)), 'not-owner', 'before the log is opened nobody is let in');
  test.clock.now += 120;
  says({ op: 'owned', partition, epoch: 4, losses: 2 });
  test.settle();
  t.match(news(), [{ op: 'serving', partition, epoch: 4, unfinishedAttempts: 0, dataLosses: 2 }]);
  const [serving] = news();
  t.ok(serving?.op === 'serving' && serving.takeoverMs >= 120);
  t.equal(codeOf(test.replyTo(test.schedule().request)), undefined);
  test.settle();
  t.equal(test.durableOf(0).length, 1);
});

t.test('attempts that an owner before has begun are begun again, and counted', async (t) => {
  const { test, take, news } = setup();
  take(1);
  test.accepted(soon);
  test.advance(1_500);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 1);
  // That it was begun is written a moment later.
  test.advance(2);
  test.host.obey({ op: 'drop', partition });
  take(2);
  t.match(news().at(-1), { op: 'serving', epoch: 2, unfinishedAttempts: 1 });
  test.advance(10);
  test.grantAll();
  test.settle();
  t.same(
    test.starts().map(({ attempt }) => attempt),
    [1, 1],
  );
});

t.test('handing over: nothing starts, what runs ends and is written, then the end is', async (t) => {
  const { test, take, told, says, news } = setup();
  take(1);
  const event = test.accepted(soon);
  test.accepted({ scheduledAtMs: (start + 1_200) as never });
  test.advance(1_100);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 1);
  test.host.obey({ op: 'release', partition });
  test.advance(1_000);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 1, 'what comes due is the next owner’s');
  t.notOk(told().includes('release'), 'an attempt runs');
  const request = test.schedule().request;
  test.settle();
  t.equal(test.replyTo(request)?.op, 'accepted', 'meanwhile new events are taken');
  test.end(event);
  test.settle();
  test.turn();
  t.ok(told().includes('release'));
  const late = test.schedule().request;
  test.settle();
  t.equal(codeOf(test.replyTo(late)), 'not-owner');
  says({ op: 'released', partition, epoch: 1 });
  t.match(news().at(-1), { op: 'released', epoch: 1 });
  t.equal(test.phases().at(-1), 'elsewhere');
  t.equal(test.durableOf(0).length, 5, 'two accepted, one dispatched and delivered, one accepted');
});

t.test('handing over waits five seconds for attempts, and no longer', async (t) => {
  const { test, take, told } = setup();
  take(1);
  test.accepted(soon);
  test.advance(1_100);
  test.grantAll();
  test.settle();
  test.host.obey({ op: 'release', partition });
  test.advance(4_900);
  t.notOk(told().includes('release'));
  test.advance(200);
  t.ok(told().includes('release'));
});

t.test('a partition that is lost answers what was under way as not known, and the rest as not its own', async (t) => {
  const { test, take, says, news } = setup();
  take(1);
  const { request } = test.schedule();
  test.turn();
  says({ op: 'lost', partition, epoch: 1, detail: 'somebody else', hasShrunk: false });
  test.turn();
  t.equal(codeOf(test.replyTo(request)), 'outcome-unknown');
  t.match(news().at(-1), { op: 'lost', epoch: 1, detail: 'somebody else' });
  const late = test.schedule().request;
  test.turn();
  t.equal(codeOf(test.replyTo(late)), 'not-owner');
});

t.test('an outcome that comes after the partition has gone changes nothing here', async (t) => {
  const { test, take } = setup();
  take(1);
  const event = test.accepted(soon);
  test.advance(1_100);
  test.grantAll();
  test.settle();
  const before = test.durableOf(0).length;
  test.host.obey({ op: 'drop', partition });
  test.end(event);
  test.settle();
  t.equal(test.durableOf(0).length, before);
});

t.test('nothing starts while the lease is over, and goes on when it is back', async (t) => {
  const { test, take, lease } = setup();
  take(1);
  const events = [test.accepted(soon), test.accepted({ scheduledAtMs: (start + 1_500) as never })];
  test.advance(1_100);
  lease.isAhead = false;
  test.grantAll();
  test.advance(1_000);
  t.equal(test.starts().length, 0);
  t.ok(test.count('release') > 0, 'the slot goes back');
  lease.isAhead = true;
  test.advance(10);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, events.length);
});

t.test('a host that has not heard that its session is over starts nothing in the next one', async (t) => {
  const { test, take, lease } = setup();
  take(1);
  test.accepted(soon);
  // Cut off, and back with a new session before the order to drop the partition has come.
  lease.term = 1;
  test.advance(1_100);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 0);
  test.host.obey({ op: 'drop', partition });
  take(3);
  test.accepted(soon);
  test.advance(1_100);
  test.grantAll();
  test.settle();
  const told = test.sent.map(({ op }) => op);
  t.ok(test.starts().length > 0, 'taken anew');
  t.ok(told.indexOf('term') !== -1 && told.indexOf('term') < told.indexOf('start'), 'and couriers know');
});

t.test('an attempt that a courier did not start because of the lease is begun again under its number', async (t) => {
  const { test, take } = setup();
  take(1);
  const event = test.accepted(soon);
  test.advance(1_100);
  test.grantAll();
  test.settle();
  test.host.fromCourier(0, [{ op: 'unstarted', partition, event }]);
  test.advance(10);
  test.grantAll();
  test.settle();
  t.same(
    test.starts().map(({ attempt }) => attempt),
    [1, 1],
  );
});

t.test('of a copy that is followed a snapshot is taken now and then, and what the owner has removed goes', async (t) => {
  const { test, says, news } = setup({ snapshotRecords: 100 });
  const asked = () => test.questions.map(({ op }) => op);
  says({ op: 'following', partition, lag: 0, last: 150 as never });
  t.match(news(), [{ op: 'following', lag: 0 }]);
  t.match(test.questions, [{ op: 'snapshot', upTo: 150 }]);
  says({ op: 'following', partition, lag: 3, last: 400 as never });
  t.same(asked(), ['snapshot'], 'one at a time');
  test.settle();
  says({ op: 'following', partition, lag: 0, last: 420 as never });
  t.same(asked(), ['snapshot']);
  says({ op: 'floor', partition, first: 77 as never });
  t.match(test.questions.at(-1), { op: 'remove', first: 77 });
});

t.test('a partition that stops with a report is given up', async (t) => {
  const { test, take, news, told } = setup();
  take(1);
  test.host.actors[0]!.fail('a contradiction');
  t.match(news().at(-1), { op: 'failed', detail: 'a contradiction' });
  t.equal(told().at(-1), 'drop');
  t.equal(test.phases().at(-1), 'failed');
});

t.test('what the replica cannot do is told', async (t) => {
  const { test, says, news } = setup();
  test.host.obey({ op: 'take', partition, epoch: 2, term: 0 });
  says({ op: 'stuck', partition, detail: 'no disk' });
  t.match(news().at(-1), { op: 'failed', detail: 'no disk' });
  t.equal(test.phases().at(-1), 'elsewhere');
});

t.test('what is said of an ownership before does not end this one', async (t) => {
  const { test, says, take, news } = setup();
  take(2);
  says({ op: 'released', partition, epoch: 1 });
  says({ op: 'lost', partition, epoch: 1, detail: 'somebody else has opened the journal', hasShrunk: false });
  test.settle();
  t.same(
    news().map(({ op }) => op),
    ['serving'],
  );
  t.equal(test.phases().at(-1), 'ready');
});

t.test('it is told that other settings are kept, when that is durable, and only if they are others', async (t) => {
  const { test, take } = setup();
  take();
  const told = () => test.notices.filter(({ op }) => op === 'settings-changed');
  const first = test.configure('https://one.test', { paused: true });
  test.turn();
  t.same(told(), []);
  test.settle();
  t.match(test.replyTo(first), { op: 'settings' });
  t.same(told(), [{ op: 'settings-changed', partition }]);
  test.configure('https://one.test', { paused: true });
  test.settle();
  t.equal(told().length, 1);
});

t.test('a partition that is elsewhere says nothing of settings, since its owner does', async (t) => {
  const { test, take } = setup();
  take();
  test.host.obey({ op: 'drop', partition });
  test.settle();
  test.host.courierLost(0);
  test.settle();
  t.same(
    test.sent.map(({ op }) => op).filter((op) => op.startsWith('settings')),
    ['settings'],
  );
});
