/**
 * Programs that take what others leave of the cores.
 *
 * A nice value counts within a session only where Linux shares the cores by session, as it does on many machines (`sched_autogroup_enabled`): there the session has one of its own.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const lowest = '19';

/** As `spawn`; it is the head of a session. */
export function spawnThatGivesWay(program, args, options) {
  const child = spawn('nice', ['-n', lowest, program, ...args], { ...options, detached: true });
  try {
    writeFileSync(`/proc/${child.pid}/autogroup`, lowest);
  } catch {
    // Not Linux, or one without: the nice value counts by itself.
  }
  return child;
}
