/**
 * F19: a thread runs out of memory. A worker dies alone or takes the process along; in both cases everything acknowledged is there
 * and is delivered, after a restart by whoever watches the process if need be.
 */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import type { Exit } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const timeout = 90_000;
/** Four tests in a row. */
const fileTimeout = 170_000;
/** Small, so that it is soon used up. */
const heapMiB = 96;
/** Threads by age, with one actor host: the courier is the oldest, the reader the youngest. */
const threads = 4;
const eaters = { courier: '0', 'actor host': '1', 'log writer': '2', 'main thread': 'main' } as const;

t.setTimeout(fileTimeout);

for (const [name, place] of Object.entries(eaters)) {
  t.test(`the ${name} runs out of memory: what was acknowledged is delivered all the same`, { timeout }, async (t) => {
    const receiver = await startReceiver(t);
    const server = await startServer(t, {
      flags: ['--actor-threads', '1'],
      env: { EATER: place, THREADS: String(threads) },
      nodeFlags: [`--max-old-space-size=${heapMiB}`, '--import', new URL('./memory-eater.js', import.meta.url).href],
    });
    await server.ready();
    const accepted = new Set<string>();
    let goesOn = true;
    const load = (async () => {
      for (let n = 0; goesOn; n++) {
        const answer = await server.client
          .schedule({ destination: `${receiver.url}/hook`, delay_ms: (n * 37) % 1_000 })
          // Its process has died: what was not answered was promised to nobody.
          .catch(() => null);
        if (answer?.status === 201) accepted.add(answer.body.id);
        await pause(5);
      }
    })();
    await until('the load is under way', () => accepted.size > 50);
    server.signal('SIGUSR2');
    const hasDied = (): boolean => server.logs().some(({ msg }) => /died/.test(String(msg)));
    let exit: Exit | null = null;
    void server.program.exited.then((ended) => {
      exit = ended;
    });
    await until('memory runs out', () => exit !== null || hasDied(), 45_000);
    t.comment(exit === null ? 'the thread died alone' : `the process ended: ${JSON.stringify(exit)}`);
    if (exit !== null) {
      t.not((exit as Exit).code, 0, 'a supervisor sees that it has to be started again');
      await server.restart();
    }
    await server.ready();
    goesOn = false;
    await load;
    await receiver.untilAll(accepted);
    for (const id of accepted)
      await until('its outcome is recorded', async () => (await server.client.event(id)).body.status === 'DELIVERED');
    t.ok(accepted.size > 50, `${accepted.size} events`);
  });
}
