/** Every command of the program, the default first. */
import { type CommandSet, healthCommand, roles, settings } from '../engine/index.js';
import { backupCommand } from './command/backup.js';
import { inspectCommand } from './command/inspect.js';
import { keysCommand } from './command/keys.js';
import { type NodeOptions, nodeCommand } from './command/node.js';
import { repairCommand } from './command/repair.js';
import { restoreCommand } from './command/restore.js';
import { verifyCommand } from './command/verify.js';

export function commandSet(options: NodeOptions = {}): CommandSet {
  return {
    commands: [
      ...roles.map((role) => nodeCommand(role, options)),
      healthCommand(),
      keysCommand(),
      backupCommand(),
      restoreCommand(),
      verifyCommand(),
      inspectCommand(),
      repairCommand(),
    ],
    settings,
  };
}
