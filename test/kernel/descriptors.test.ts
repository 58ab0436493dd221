import t from 'tap';
import { descriptorLimit, shareDescriptors } from '../../engine/kernel/descriptors.js';
import { StartError } from '../../engine/kernel/errors.js';
import { attemptsInFlightMax } from '../../engine/kernel/limits.js';

t.test('files come first, connections in and out share the rest', async (t) => {
  const { connections, attempts } = shareDescriptors({ limit: 256, partitions: 4, actorThreads: 1 });
  t.ok(connections >= 16 && attempts >= 8);
  // An attempt may leave an idle connection beside the one that is busy.
  t.ok(connections + 2 * attempts <= 256 - 64 - 72 - 40);
  t.equal(shareDescriptors({ limit: 1_048_576, partitions: 4, actorThreads: 3 }).attempts, attemptsInFlightMax);
});

t.test('a limit that leaves nothing for connections is refused with what is needed', async (t) => {
  const given = { limit: 256, partitions: 64, actorThreads: 3 };
  t.throws(() => shareDescriptors(given), StartError);
  t.throws(() => shareDescriptors(given), /may open 256 files, and 64 partitions with 3 actor threads need \d+: raise the limit/);
});

t.test('where the limit is not known nothing is bounded by it', async (t) => {
  t.same(shareDescriptors({ limit: null, partitions: 1_024, actorThreads: 64 }), {
    connections: Number.POSITIVE_INFINITY,
    attempts: attemptsInFlightMax,
  });
  if (process.platform === 'linux') t.ok(descriptorLimit()! > 64);
});
