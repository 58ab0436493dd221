/** F39: the process may open 256 files, and clients open connections without end. The log, the threads and deliveries keep theirs. */
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { until, within } from '../support/deadline.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { startServer, temporaryDir } from '../support/server.js';

const timeout = 60_000;
const descriptors = 256;
const sockets = 400;
const events = 100;
const flags = ['--actor-threads', '1'];

t.setTimeout(timeout);

t.test('clients that take all connections harm nobody but clients', { timeout }, async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer('/hook', { delayMs: 100 });
  const server = await startServer(t, { flags, descriptors });
  await server.ready();
  const ids: string[] = [];
  for (let n = 0; n < events; n++) {
    const { status, body } = await server.client.schedule({ destination: `${receiver.url}/hook`, delay_ms: 1_500 });
    t.equal(status, 201);
    ids.push(body.id);
  }
  const open = new Set<Socket>();
  let closed = 0;
  t.teardown(() => {
    for (const socket of open) socket.destroy();
  });
  for (let n = 0; n < sockets; n++) {
    const socket = connect(server.port, '127.0.0.1');
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closed++;
      open.delete(socket);
    });
  }
  await until('those too many are closed', () => closed > sockets / 2);
  await receiver.untilAll(ids);

  for (const socket of open) socket.destroy();
  await until(
    'there is room for clients again',
    async () => (await server.client.get('/health/ready').catch(() => null))?.status === 200,
  );
  t.equal((await server.client.schedule({ destination: receiver.url, delay: '1h' })).status, 201);
  for (const id of ids)
    await until('its outcome is recorded', async () => (await server.client.event(id)).body.status === 'DELIVERED');
  t.same(
    server.logs().filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
    'no file could not be opened, no thread died',
  );
});

t.test('a limit that is too low for the partitions is refused with what is needed', async (t) => {
  const script = new URL('../../gateway/main.js', import.meta.url);
  const args = ['--data-dir', temporaryDir(t), '--port', '0', '--partitions', '64', ...flags];
  const program = new Program({ script, args, descriptors });
  t.teardown(() => program.kill());
  t.same(await within('it is refused', program.exited), { code: 1, signal: null });
  t.match(program.stderr, [/may open 256 files, and 64 partitions .* raise the limit \(ulimit -n\)/]);
});
