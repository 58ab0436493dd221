import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import t from 'tap';
import { ShortTasks } from '../../engine/kernel/thread-pool.js';

const module = new URL('./priority-task.js', import.meta.url);

t.test(
  'a task of the background stands back behind the threads that have ticks, which keep their priority, and is not starved',
  { skip: !existsSync('/proc/thread-self') && 'only Linux gives threads priorities of their own' },
  async (t) => {
    const before = getPriority();
    const tasks = new ShortTasks({ threads: 1 });
    t.teardown(() => tasks.close());
    const told = new Int32Array(new SharedArrayBuffer(4));
    await tasks.run({ module, name: 'tellPriority', data: { told }, transfer: [] });
    // At the lowest priority (19) it would get next to nothing while others compute.
    t.ok(told[0]! > before && told[0]! <= before + 10, `${told[0]} behind ${before}`);
    t.equal(getPriority(), before);
  },
);

t.test('a task that fails says why', async (t) => {
  const tasks = new ShortTasks({ threads: 1 });
  t.teardown(() => tasks.close());
  await t.rejects(tasks.run({ module, name: 'breakDown', data: {}, transfer: [] }), { message: 'as told' });
  await t.rejects(tasks.run({ module, name: 'breakDownInSqlite', data: {}, transfer: [] }), {
    message: 'no such table: nowhere',
  });
});
