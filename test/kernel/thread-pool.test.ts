import type { Worker } from 'node:worker_threads';
import t from 'tap';
import { LongTasks } from '../../engine/kernel/thread-pool.js';

const task = { module: new URL('./dying-task.js', import.meta.url), name: 'dying', data: null, transfer: [] };

t.test('a long task whose thread dies is rejected, and leaves no thread behind', async (t) => {
  const started: Worker[] = [];
  const note = (worker: Worker): void => void started.push(worker);
  process.on('worker', note);
  t.teardown(() => process.off('worker', note));
  const tasks = new LongTasks((name) => t.fail(`${name} hangs`));
  await t.rejects(tasks.run(task), { message: 'as it was told' });
  t.same(
    started.map(({ threadId }) => threadId),
    [-1],
    'it is gone, and there was no other in its place',
  );
  await tasks.close();
});
