/**
 * A third door to the engine: what the commands do that look at a data directory from outside. Each loads it when it is run.
 *
 * Not in `index.ts`, since a node needs none of its thirty modules.
 */
export { backupDataDir } from './upkeep/backup.js';
export { inspectEvent } from './upkeep/inspect.js';
export { repairDataDir } from './upkeep/repair.js';
export { restoreBackup } from './upkeep/restore.js';
export { verifyDataDir } from './upkeep/verify.js';
