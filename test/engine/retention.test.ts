/** Retention and snapshots of a whole engine with its threads, in seconds instead of days. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EngineError } from '../../engine/index.js';
import { localSpec, type Test, TestEngine, tempDir, until } from './engine-fixture.js';

const retentionMs = 1_500;
/** Every second of the log writer begins a segment, if there is anything in the one before. */
const log = { segmentBytesMax: 1 } as const;
const config = { partitions: 1 } as const;

const start = (t: Test, dataDir: string) => TestEngine.start(t, { dataDir, config, log, retentionMs });
const logsOf = (dataDir: string) => readdirSync(join(dataDir, 'partitions', '0000')).filter((name) => name.endsWith('.log'));
const firstOf = (dataDir: string) => Math.min(...logsOf(dataDir).map((name) => Number.parseInt(name, 10)));

async function isGone(test: TestEngine, id: string): Promise<boolean> {
  try {
    await test.engine.get(id);
    return false;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not-found') return true;
    throw error;
  }
}

t.test('finished events go when their time is over, pending ones stay as they are, whatever their age', async (t) => {
  const dataDir = tempDir(t);
  const test = await start(t, dataDir);
  const pending = await test.schedule({ externalJobId: 'pending', payload: Buffer.from('{"keep":true}'), maxRetries: 2 });
  await test.engine.change(pending, { op: 'patch', patch: { priority: 9 } });
  const done = await test.schedule({ externalJobId: 'done', scheduledAtMs: localSpec().createdAtMs });
  await test.untilStatus(done, 'DELIVERED');
  const historyBefore = await test.engine.history(pending);
  const viewBefore = await test.engine.get(pending);
  t.equal(viewBefore.version, 2);
  // Whatever is written lets segments grow old.
  let more = 0;
  await until(async () => {
    if (more++ % 8 === 0) await test.engine.cancel(await test.schedule());
    await new Promise((resolve) => setTimeout(resolve, 20));
    return (await isGone(test, done)) && firstOf(dataDir) > 5;
  }, 'the delivered event is gone');
  t.same(await test.engine.history(pending), historyBefore, 'carrying forward is no change');
  t.same(await test.engine.get(pending), viewBefore);
  const repeated = await test.engine.schedule({
    spec: localSpec({
      externalJobId: 'pending',
      payload: Buffer.from('{"keep":true}'),
      maxRetries: 2,
      scheduledAtMs: viewBefore.spec.scheduledAtMs,
    }),
    timeGiven: true,
  });
  t.ok(repeated.replayed, 'the same content is told by what came first');
  const anew = await test.schedule({ externalJobId: 'done', priority: 1 });
  t.not(anew, done, 'an external job id is free again when its event has gone');
  await test.stop();

  const again = await start(t, dataDir);
  t.same(await again.engine.history(pending), historyBefore);
  await again.engine.change(pending, { op: 'fire' });
  await again.untilDelivered(1);
  t.equal(Buffer.from(again.deliveries[0]!.payload!).toString(), '{"keep":true}');
  t.equal((await again.untilStatus(pending, 'DELIVERED')).spec.priority, 9);
});

t.test('counts follow what is retained', async (t) => {
  const dataDir = tempDir(t);
  const test = await start(t, dataDir);
  for (let count = 0; count < 5; count++) await test.engine.cancel(await test.schedule());
  await test.schedule();
  await until(() => test.engine.statistics().by_status.CANCELLED === 5, 'five are counted');
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (firstOf(dataDir) === 1) await test.schedule();
    return test.engine.statistics().by_status.CANCELLED === 0;
  }, 'they are gone');
  t.ok(test.engine.statistics().by_status.SCHEDULED >= 1);
});

t.test('a stop leaves a snapshot when the next start would have much to replay', async (t) => {
  const dataDir = tempDir(t);
  const more = { dataDir, config, snapshotRecords: 40 };
  const test = await TestEngine.start(t, more);
  const ids: string[] = [];
  for (let count = 0; count < 30; count++) ids.push(await test.schedule({ externalJobId: `job-${count}` }));
  await test.engine.cancel(ids[7]!);
  await test.stop();
  const snapshots = () => readdirSync(join(dataDir, 'partitions', '0000')).filter((name) => name.endsWith('.snapshot'));
  t.same(snapshots(), ['0000000000000031.snapshot']);
  const again = await TestEngine.start(t, more);
  t.equal((await again.engine.get(ids[7]!)).status, 'CANCELLED');
  t.equal((await again.engine.get(ids[8]!)).status, 'SCHEDULED');
});
