/** Who is measured beside whom. What is missing on a machine is said and left out. */
import { bullmq } from './bullmq.js';
import { embedded, overHttp } from './escapement.js';
import { graphileWorker } from './graphile-worker.js';
import { natsSchedules } from './nats-schedules.js';
import type { Contestant } from './peer.js';
import { pgBoss } from './pg-boss.js';

const others: readonly Contestant[] = [
  bullmq('everysec'),
  bullmq('always'),
  graphileWorker,
  pgBoss,
  natsSchedules('2m'),
  natsSchedules('always'),
];

/** Both ways to reach Escapement, and the others. */
export const producers = (): Contestant[] => present([overHttp, embedded, ...others]);
/** Those that hand events to a handler in the process that asked. */
export const consumers = (): Contestant[] => present([embedded, ...others]);

function present(all: readonly Contestant[]): Contestant[] {
  return all.filter((contestant) => {
    const missing = contestant.missing();
    if (missing !== null) console.error(`${contestant.name} is left out, there is no ${missing}`);
    return missing === null;
  });
}
