import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import t from 'tap';
import { LongTasks } from '../../engine/kernel/thread-pool.js';
import { backgroundNiceness, logNiceness } from '../../engine/kernel/thread-priority.js';

const module = new URL('./priority-task.js', import.meta.url);

t.test(
  'a thread stands back by itself, as far as it says and never forward, and the others stay where they are',
  { skip: !existsSync('/proc/thread-self') && 'only Linux gives threads priorities of their own' },
  async (t) => {
    const before = getPriority();
    const tasks = new LongTasks((name) => t.fail(`${name} hangs`));
    t.teardown(() => tasks.close());
    for (const niceness of [logNiceness, backgroundNiceness, 0]) {
      const told = new Int32Array(new SharedArrayBuffer(4));
      await tasks.run({ module, name: 'standBackAndTell', data: { told, niceness }, transfer: [] });
      t.equal(told[0], Math.max(before, niceness));
      t.equal(getPriority(), before);
    }
  },
);
