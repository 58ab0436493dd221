/** Every command of the program, the default first. */
import { type CommandSet, healthCommand, laterSettings, settings } from '../engine/index.js';
import { backupCommand } from './command/backup.js';
import { inspectCommand } from './command/inspect.js';
import { keysCommand } from './command/keys.js';
import { repairCommand } from './command/repair.js';
import { restoreCommand } from './command/restore.js';
import { type Listening, serveCommand } from './command/serve.js';
import { verifyCommand } from './command/verify.js';

const needsNats = (half: string): string =>
  `"escapement ${half}" needs NATS, which this version does not have: use "escapement serve"`;

export function commandSet(onListening?: (listening: Listening) => void): CommandSet {
  return {
    commands: [
      serveCommand(onListening),
      healthCommand(),
      keysCommand(),
      backupCommand(),
      restoreCommand(),
      verifyCommand(),
      inspectCommand(),
      repairCommand(),
    ],
    settings,
    later: laterSettings,
    missing: { gateway: needsNats('gateway'), engine: needsNats('engine') },
  };
}
