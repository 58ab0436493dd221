/**
 * Programs that take what others leave of the cores.
 *
 * A nice value counts within a session only where Linux shares the cores by session, as it does on many machines (`sched_autogroup_enabled`): there the session has one of its own.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

const lowest = constants.priority.PRIORITY_LOW;

/** As `spawn`; it is the head of a session. */
export function spawnThatGivesWay(program, args, options) {
  const child = spawn(program, args, { ...options, detached: true });
  // It could not be started: its `error` event tells.
  if (child.pid === undefined) return child;
  // Threads that it starts have it too, and it has none yet.
  setPriority(child.pid, lowest);
  try {
    writeFileSync(`/proc/${child.pid}/autogroup`, String(lowest));
  } catch {
    // Not Linux, or one without: the nice value counts by itself.
  }
  return child;
}
