/** A process that holds the data directory named in its first argument until it is killed. */
import { openDataDir } from '../../engine/log/data-dir.js';

const held = openDataDir({ dataDir: process.argv[2]!, partitions: 4, cluster: null });
process.send?.('held');
// With a reference: what nobody has any more is collected, and the lock is gone with it.
setInterval(() => held, 1_000);
