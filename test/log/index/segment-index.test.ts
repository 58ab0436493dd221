import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { LogRecord } from '../../../engine/event/record.js';
import { tagOfKey } from '../../../engine/event/content.js';
import { listIndexes, listSegments } from '../../../engine/log/segment/segment-files.js';
import { Journal, TestLog, partition, seq } from '../log-fixture.js';

type Tap = ConstructorParameters<typeof TestLog>[0];

const tagOf = (text: string) => {
  const { high, low } = tagOfKey({ kind: 'external', source: 'default', text });
  return { tagHigh: high, tagLow: low };
};
const findId = (log: TestLog, { event }: LogRecord) => {
  const reply = log.ask({ op: 'find-id', tag: 1, partition, event });
  return reply.op === 'found' ? reply.finished.map(({ seq }) => seq) : reply;
};
const findKey = (log: TestLog, text: string) => {
  const reply = log.ask({ op: 'find-key', tag: 1, partition, ...tagOf(text) });
  return reply.op === 'found' ? reply.finished.map(({ seq }) => seq) : reply;
};

/** Two sealed segments and an open one; `late` begins in the first and finishes in the second. */
function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  let written = 0;
  const appendNew = () => {
    log.append(...journal.records.slice(written));
    written = journal.records.length;
  };
  const rotate = () => {
    appendNew();
    log.clock.now += 86_400_000;
    return log.tick();
  };
  const early = journal.accepted({ externalJobId: 'early' });
  const late = journal.accepted({ externalJobId: 'late' });
  const keyless = journal.accepted();
  const pending = journal.accepted({ externalJobId: 'pending' });
  journal.dispatched(early);
  const earlyEnd = journal.delivered(early);
  const keylessEnd = journal.cancelled(keyless);
  journal.dispatched(late);
  rotate();
  const again = journal.accepted({ externalJobId: 'early' });
  const lateEnd = journal.delivered(late);
  const againEnd = journal.cancelled(again);
  rotate();
  const open = journal.accepted({ externalJobId: 'open' });
  journal.cancelled(open);
  appendNew();
  return { log, journal, early, late, keyless, pending, again, open, earlyEnd, keylessEnd, lateEnd, againEnd };
}
t.test('a sealed segment gets its index, and only then the host hears of it', async (t) => {
  const { log, early } = setup(t);
  t.same(
    log.indexTasks.map(({ first, next }) => [first, next]),
    [
      [1, 9],
      [9, 12],
    ],
  );
  t.same(findId(log, early), [], 'not yet');
  t.match(await log.runTasks(), [
    { op: 'indexed', partition, first: 1, next: 9 },
    { op: 'indexed', partition, first: 9, next: 12 },
  ]);
});

t.test('finished events are found by id in the segment where they finished', async (t) => {
  const { log, early, late, keyless, pending, open, earlyEnd, keylessEnd, lateEnd } = setup(t);
  await log.runTasks();
  t.same(findId(log, early), [earlyEnd.seq]);
  t.same(findId(log, late), [lateEnd.seq]);
  t.same(findId(log, keyless), [keylessEnd.seq]);
  t.same(findId(log, pending), [], 'pending is for the actor to know');
  t.same(findId(log, open), [], 'the open segment too');
});

t.test('finished events are found by key, newest first, also when they began in an older segment', async (t) => {
  const { log, earlyEnd, lateEnd, againEnd } = setup(t);
  await log.runTasks();
  t.same(findKey(log, 'early'), [againEnd.seq, earlyEnd.seq]);
  t.same(findKey(log, 'late'), [lateEnd.seq]);
  t.same(findKey(log, 'pending'), []);
  t.same(findKey(log, 'nobody'), []);
});

t.test('a replay says which segments need no finished events to be remembered', async (t) => {
  const { log } = setup(t);
  t.same(log.replay().indexed, []);
  const tasks = log.poolRequests.splice(0);
  log.poolRequests.push(tasks[1]!);
  await log.runTasks();
  t.same(log.replay().indexed, [9]);
  log.poolRequests.push(tasks[0]!);
  await log.runTasks();
  t.same(log.replay().indexed, [1, 9]);
});

t.test('word of an index waits until a replay that is under way has ended', async (t) => {
  const { log } = setup(t);
  log.readerReplies.length = 0;
  log.reader.handle({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  t.same(await log.runTasks(), []);
  t.match(log.readerReplies, []);
  for (let more = 0; more < 3; more++) log.reader.handle({ op: 'replay-next', tag: 1 });
  t.same(
    log.readerReplies.map(({ op }) => op),
    ['replay-batch', 'replay-done', 'indexed', 'indexed'],
  );
});

t.test('after a restart indexes that are there are used, and a missing one is asked for', async (t) => {
  const { log, early, earlyEnd, late } = setup(t);
  log.poolRequests.pop();
  await log.runTasks();
  log.close();
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  t.same(again.replay().indexed, [1]);
  t.same(
    again.indexTasks.map(({ first }) => first),
    [9],
  );
  t.same(findId(again, early), [earlyEnd.seq]);
  t.same(findId(again, late), []);
  t.same(
    (await again.runTasks()).map(({ op }) => op),
    ['indexed'],
  );
});

t.test('an index with any byte changed is built again', async (t) => {
  const { log, early, earlyEnd } = setup(t);
  await log.runTasks();
  log.close();
  const [index] = listIndexes(log.dir);
  const whole = readFileSync(index!.path);
  for (const at of [0, 20, 100, whole.length >> 1, whole.length - 1]) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0x10;
    writeFileSync(index!.path, changed);
    const again = new TestLog(t, { dataDir: log.options.dataDir });
    t.same(again.replay().indexed, [9], `byte ${at}`);
    await again.runTasks();
    t.same(findId(again, early), [earlyEnd.seq], `byte ${at}`);
    again.close();
  }
});

t.test('the index of a damaged segment is not built, that of the next one is', async (t) => {
  const { log } = setup(t);
  const copy = log.copy(t);
  const { path } = listSegments(join(copy, 'partitions', '0003'))[0]!;
  const file = readFileSync(path);
  file[file.indexOf('"a":1')]! ^= 1;
  writeFileSync(path, file);
  const damaged = new TestLog(t, { dataDir: copy });
  t.match(damaged.replay().end, { op: 'failed', failure: 'broken' });
  t.match(await damaged.runTasks(), [{ op: 'indexed', first: 9 }]);
  t.same(
    listIndexes(damaged.dir).map(({ first }) => first),
    [9],
  );
});

t.test('a sealed segment becomes one file', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  const files = readdirSync(log.dir).filter((name) => name.startsWith('0000000000000001'));
  t.same(files.map((name) => name.replace(/-[0-9a-f]{8}/, '')).sort(), ['0000000000000001.index', '0000000000000001.log']);
  t.equal(log.replay().records.length, journal.records.length);
  t.notOk(existsSync(join(log.dir, '0000000000000001.log-shm')));
  t.match(log.ask({ op: 'view', tag: 1, partition, newest: seq(6) }), { op: 'view' });
});
