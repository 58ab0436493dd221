/** Kills at moments that a random one rarely meets: right behind the first answer, and while a directory is being made. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { Server, startServer, temporaryDir } from '../support/server.js';

const shipped = new URL('../../gateway/main.js', import.meta.url);

t.test(
  'the very first event of a fresh directory survives a kill right behind its 201, and a cancel one behind its 200',
  async (t) => {
    const receiver = await startReceiver(t);
    const server = await startServer(t);
    const { status, body } = await server.client.schedule({ destination: `${receiver.url}/hook`, delay_ms: 3_000 });
    await server.kill();
    t.equal(status, 201);
    await server.restart();
    const found = await server.client.event(body.id);
    t.equal(found.status, 200);
    const [arrival] = await receiver.until('/hook', 1);
    t.equal(arrival!.id, body.id);
    t.ok(arrival!.atMs >= Date.parse(body.scheduled_at), 'not early');

    const second = await server.client.schedule({ destination: `${receiver.url}/second`, delay_ms: 2_000 });
    const cancel = await server.client.cancel(second.body.id);
    await server.kill();
    t.equal(cancel.status, 200);
    await server.restart();
    t.equal((await server.client.event(second.body.id)).body.status, 'CANCELLED');
    await pause(Math.max(0, Date.parse(second.body.scheduled_at) + 300 - Date.now()));
    t.same(receiver.at('/second'), [], 'and nothing comes at its time');
  },
);

t.test('a directory whose making was cut short at any moment is made whole by the next start', async (t) => {
  const dataDir = temporaryDir(t);
  for (const file of ['lock', 'format.json', 'partitions', 'partitions/0000/mark']) await killAt(t, { dataDir, file });
  const server = await Server.start({ dataDir });
  t.teardown(() => server.kill());
  await server.ready();
  const { status } = await server.client.schedule({ destination: 'http://127.0.0.1:1/', delay: '1d' });
  await server.client.close();
  t.equal(status, 201);
});

t.test('a fresh directory each time: what a killed start leaves behind never keeps the next one from starting', async (t) => {
  for (const file of ['lock', 'format.json', 'partitions/0000/mark']) {
    const dataDir = temporaryDir(t);
    await killAt(t, { dataDir, file });
    const server = await Server.start({ dataDir });
    await server.ready();
    await server.client.close();
    const { code } = await server.stop();
    t.equal(code, 0, `killed at ${file}`);
  }
});

/** The moment at which `file` is there. */
async function killAt(t: Test, { dataDir, file }: { dataDir: string; file: string }): Promise<void> {
  const program = new Program({ script: shipped, args: ['--data-dir', dataDir, '--port', '0'] });
  await until(`${file} is there`, () => existsSync(join(dataDir, file)), 60_000);
  await program.kill();
  t.same(program.stderr, [], `the start that was killed at ${file} had nothing to complain about`);
}
