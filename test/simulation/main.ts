/**
 * `npm run simulate -- --seeds N [--from S]`: runs N seeded histories. `--seed S` runs one and prints its trace.
 *
 * A history that breaks a promise is reported with the last steps before and the command that repeats it; exit code 1.
 */
import { parseArgs } from 'node:util';
import { History } from './history.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    steps: { type: 'boolean', default: false },
  },
});

if (values.seed !== undefined) await runOne(Number(values.seed));
else await runMany(Number(values.from), Number(values.seeds));

async function runMany(from: number, seeds: number): Promise<void> {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
  let steps = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    const history = new History({ seed });
    try {
      await history.run();
    } catch (error) {
      report(history, error);
      process.exitCode = 1;
      return;
    }
    steps += history.world.scheduler.steps;
    const done = seed - from + 1;
    if (done % 100 === 0) console.log(`${done} seeds, ${steps} steps, ${seconds()} s`);
  }
  console.log(`${seeds} seeds from ${from} on keep every promise: ${steps} steps in ${seconds()} s`);
}

async function runOne(seed: number): Promise<void> {
  const history = new History({ seed });
  try {
    await history.run();
  } catch (error) {
    report(history, error);
    process.exitCode = 1;
    return;
  }
  if (values.steps) console.log(history.world.scheduler.trace.join('\n'));
  console.log(`seed ${seed} keeps every promise: ${history.world.scheduler.steps} steps`);
}

function report({ seed, world }: History, error: unknown): void {
  console.error(`step\tms\twhat\n${world.scheduler.trace.join('\n')}\n`);
  console.error(error instanceof Error ? error.stack : String(error));
  console.error(`\nseed ${seed} breaks a promise. Again with:\nnode build/test/simulation/main.js --seed ${seed}`);
}
