/** Tasks of the background: what fails is logged, what a stop cuts off is not. */
import t, { type Test } from 'tap';
import { BackgroundTasks } from '../../engine/background-tasks.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { createLogger } from '../../engine/observe/logger.js';
import { temporaryDir } from '../support/server.js';

function setup(t: Test) {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  const tasks = new BackgroundTasks(createLogger({ level: 'info', format: 'json', sink }));
  t.teardown(() => tasks.close());
  const task = { dataDir: temporaryDir(t), partition: 0 as PartitionId, first: 1 as Sequence, next: 2 as Sequence };
  return { tasks, task, lines };
}

t.test('a task that fails is logged and told', async (t) => {
  const { tasks, task, lines } = setup(t);
  const { detail } = await tasks.run({ op: 'index', task });
  t.match(detail, /no segment/);
  t.equal(lines.length, 1);
  t.match(lines[0], /a task in the background failed/);
});

t.test('a task that a stop cuts off is told, and is no error', async (t) => {
  const { tasks, task, lines } = setup(t);
  const running = ['verify', 'index', 'verify'].map((op) => tasks.run({ op: op as 'verify', task }));
  await tasks.close();
  const details = (await Promise.all(running)).map(({ detail }) => detail);
  t.ok(
    details.some((detail) => detail !== null),
    'at least what waited was dropped',
  );
  t.same(lines, []);
});
