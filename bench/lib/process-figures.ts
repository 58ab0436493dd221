/** What the system says of a process: memory that is resident, and time on a core. Linux alone, from `/proc`. */
import { readFileSync } from 'node:fs';

/** As every Linux that Node supports counts. */
const ticksPerSecond = 100;

/** All of it: what it has written, and the files and libraries that it has mapped. */
export function residentMiB(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kibibytes) / 1_024;
}

/** Of all its threads since it was started. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may contain blanks; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
