/**
 * Seeded histories of nodes that freeze, are cut off and see everything late: never two owners that act, and everything served once it is calm.
 * `ESCAPEMENT_TEST_OWNERSHIP_SEEDS=5000` runs more of them.
 */
import t from 'tap';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { SimulatedCluster, simulated } from '../support/simulated-cluster.js';
import { Random } from '../wheel/random.js';

const seeds = Number(process.env.ESCAPEMENT_TEST_OWNERSHIP_SEEDS ?? 60);
const cruelMs = 40_000;
const calmMs = 15_000;

t.test(`in ${seeds} histories no partition has two owners that act, and each has one in the end`, (t) => {
  for (let seed = 1; seed <= seeds; seed++) {
    const cluster = new SimulatedCluster(new Random(seed), 2 + (seed % 4));
    try {
      cluster.torment();
      cluster.run(cruelMs);
      cluster.isCruel = false;
      cluster.run(calmMs);
      for (let number = 0; number < simulated.partitions; number++) {
        const serving = cluster.nodes.filter((node) => node.serves(number as PartitionId));
        if (serving.length !== 1) throw new Error(`partition ${number} is served by ${serving.length} nodes when all is calm`);
      }
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n${cluster.trace.slice(-60).join('\n')}`);
      break;
    }
  }
  t.end();
});
