/** The connection of one thread, when its server goes silent. */
import t from 'tap';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { until } from '../support/deadline.js';
import { needsNats, startNats } from '../support/nats-server.js';

/** To connect to a server that is there takes milliseconds; to wait for one that is not takes 5 s. */
const backMsMax = 4_000;

t.test(
  'whoever loses a server that is frozen goes to another one, and does not wait for that one first',
  needsNats,
  async (t) => {
    const servers = await Promise.all([startNats(t), startNats(t)]);
    const link = new NatsLink({ address: readNatsAddress(servers.map(({ url }) => url).join())!, name: 'test' });
    t.teardown(() => link.close());
    await until('connected', () => link.state.isConnected);
    let awayAt = 0;
    let awayMs = 0;
    // It may be back before anybody has looked.
    link.watch(({ isConnected }) => {
      if (isConnected) awayMs = performance.now() - awayAt;
      else awayAt = performance.now();
    });
    for (let turn = 1; turn <= 2; turn++) {
      const lost = link.connection!.getServer();
      const frozen = servers.find(({ url }) => url.endsWith(lost))!;
      frozen.signal('SIGSTOP');
      await until('it is back', () => link.state.reconnects === turn);
      t.ok(awayMs < backMsMax, `turn ${turn}: ${Math.round(awayMs)} ms`);
      t.not(link.connection!.getServer(), lost);
      frozen.signal('SIGCONT');
    }
  },
);

t.test('what has been sent is gone at once, also behind a lost connection', needsNats, async (t) => {
  const nats = await startNats(t);
  const link = new NatsLink({ address: readNatsAddress(nats.url)!, name: 'test' });
  t.teardown(() => link.close());
  await until('connected', () => link.state.isConnected);
  const payload = new Uint8Array(bytesAtOnce).fill(7);
  for (let turn = 0; turn <= 1; turn++) {
    const before = process.memoryUsage().arrayBuffers;
    // By itself the collector would leave most of these 16 MB until it looks.
    for (let count = 0; count < 64; count++) {
      link.connection!.publish('nobody', payload);
      await link.connection!.flush();
    }
    const more = process.memoryUsage().arrayBuffers - before;
    t.ok(more < 8 * bytesAtOnce, `turn ${turn}: ${more} bytes more`);
    if (turn === 1) break;
    await link.connection!.reconnect();
    await until('it is back', () => link.state.reconnects === 1);
  }
});

const bytesAtOnce = 256 * 1024;
