/** How often the threads of a process have gone to sleep of their own accord, so far: no load of the machine makes that more. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export function sleepsOf(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    sum += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1]);
  }
  return sum;
}
