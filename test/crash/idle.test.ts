/**
 * A process that has nothing to do hardly wakes up, however many events are pending. Counted are the times that its threads went to
 * sleep of their own accord, which no load of the machine makes more: 20 a second when this was written, 103 when each thread had
 * timers for its figures, its clock and the delay of its event loop apart.
 */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { startServer } from '../support/server.js';
import { sleepsOf } from '../support/sleeps.js';
import { scheduleMany } from './punctuality.js';

const wakeUpsPerSecondMax = 40;
const lookMs = 2_000;
const timeout = 90_000;

t.test(
  'a process with nothing to do hardly wakes up',
  { timeout, skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    const server = await startServer(t);
    await server.ready();
    const scheduled_at = new Date(Date.now() + 86_400_000).toISOString();
    await scheduleMany(server, {
      count: 10_000,
      event: (n) => ({ destination: 'http://127.0.0.1:9/', scheduled_at, payload: { n } }),
    });
    // What a start and new events leave to do in the background takes its time.
    const perSecond = await until(
      `it wakes up less than ${wakeUpsPerSecondMax} times a second`,
      async () => {
        const before = sleepsOf(server.pid);
        const began = performance.now();
        await pause(lookMs);
        const rate = (sleepsOf(server.pid) - before) / ((performance.now() - began) / 1_000);
        return rate < wakeUpsPerSecondMax && rate;
      },
      60_000,
    );
    t.ok(perSecond > 0, `${Math.round(perSecond)} times a second`);
    t.equal((await server.client.get('/health/ready')).status, 200, 'and is there');
  },
);
