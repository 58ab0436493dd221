/** F20: a thread that has to end and does not, because it is in the middle of a native call, ends the process within seconds. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { until, within } from '../support/deadline.js';
import { startServer, temporaryDir } from '../support/server.js';

const timeout = 60_000;
/** Two for the others to follow, two to terminate; the rest is for a busy machine. */
const endsWithinMs = 15_000;
/** With one actor host, by age: courier, host, log writer, reader. */
const threads = 4;
const writer = 2;
const reader = 3;

t.setTimeout(timeout);

for (const [name, hang, other] of [
  ['log writer', writer, reader],
  ['reader', reader, writer],
] as const) {
  t.test(
    `a ${name} that hangs when its group has to end takes the process along, and a restart goes on`,
    { timeout },
    async (t) => {
      const pipe = join(temporaryDir(t), 'pipe');
      execFileSync('mkfifo', [pipe]);
      const server = await startServer(t, {
        flags: ['--actor-threads', '1'],
        env: { HANG: String(hang), THROW: String(other), THREADS: String(threads), PIPE: pipe },
        nodeFlags: ['--import', new URL('./thread-hanger.js', import.meta.url).href],
      });
      await server.ready();
      const { body } = await server.client.schedule({ destination: 'http://127.0.0.1:1/', delay: '1h' });
      server.signal('SIGUSR2');
      const exit = await within('the process ends', server.program.exited, endsWithinMs);
      t.same(exit, { code: null, signal: 'SIGABRT' });
      await until('it said why', () =>
        server.logs().find(({ level, msg }) => level === 'fatal' && /does not end/.test(String(msg))),
      );
      await server.restart();
      await server.ready();
      t.match(await server.client.event(body.id), { status: 200, body: { status: 'SCHEDULED' } });
    },
  );
}
