/** Seeded histories, as many as there is time for in every test run; `npm run simulate` runs more. */
import t from 'tap';
import { History } from './history.js';

const seeds = 200;
const seedsPerTest = 25;

for (let first = 1; first <= seeds; first += seedsPerTest) {
  t.test(`histories of seeds ${first} to ${first + seedsPerTest - 1} keep every promise`, async (t) => {
    const wrong: string[] = [];
    for (let seed = first; seed < first + seedsPerTest; seed++) {
      const history = new History({ seed });
      try {
        await history.run();
      } catch (error) {
        t.comment(history.world.scheduler.trace.slice(-60).join('\n'));
        wrong.push(
          `${error instanceof Error ? error.message : String(error)}; node build/test/simulation/main.js --seed ${seed}`,
        );
      }
    }
    t.same(wrong, []);
  });
}

t.test('the same seed gives the same history, step by step', async (t) => {
  const run = async (): Promise<readonly string[]> => {
    const history = new History({ seed: 7 });
    await history.run();
    return history.world.scheduler.trace;
  };
  t.same(await run(), await run());
});
