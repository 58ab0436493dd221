/** A process that holds the data directory named in its first argument until it is killed. */
import { openDataDir } from '../../engine/log/data-dir.js';

openDataDir({ dataDir: process.argv[2]!, partitions: 4 });
process.send?.('held');
setInterval(() => undefined, 1_000);
