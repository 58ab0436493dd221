/** F26 and the WebSocket itself: clients that never read, that send what they should not, that come the wrong way. */
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { streamBacklogBytesMax } from '../../engine/index.js';
import { streamMessageBytesMax, streamMessageReceivedBytesMax } from '../../gateway/limits.js';
import { until } from '../support/deadline.js';
import { changeOf } from '../support/fake-engine.js';
import { setupGateway } from '../support/gateway.js';
import { rawConnect, rawRequest } from '../support/raw-http.js';

const path = '/api/v1/stream';
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const id = new Uint8Array(16).fill(0x77);

function upgrade(headers: readonly string[], target = path): string {
  return [`GET ${target} HTTP/1.1`, 'Host: test', ...headers, '', ''].join('\r\n');
}

const handshake = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13'];

/** A masked text frame as a client sends it. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

async function connect(t: Test, url: string) {
  const socket = new WebSocket(url);
  t.teardown(() => socket.terminate());
  const messages: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resolve) => resolve());
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      wake();
    });
  });
  socket.on('error', wake);
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)) as Record<string, unknown>);
    wake();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return {
    socket,
    closed,
    async next(): Promise<Record<string, unknown>> {
      while (messages.length === 0 && socket.readyState === WebSocket.OPEN)
        await new Promise<void>((resolve) => waiting.push(resolve));
      return messages.shift() ?? { op: 'closed' };
    },
  };
}

t.test('a client subscribes, hears changes, pings and leaves', async (t) => {
  const { port, engine } = await setupGateway(t);
  const client = await connect(t, `ws://127.0.0.1:${port}${path}?token=unused`);
  client.socket.send('{"op":"subscribe","id":"a","filter":{},"cursor":"now"}');
  t.strictSame(await client.next(), { op: 'subscribed', id: 'a', cursor: 'c0' });
  engine.publish({ cursor: 'c1', items: [changeOf(id, { error: 'é"\n' })], gapFrom: null });
  t.match(await client.next(), { op: 'changes', id: 'a', cursor: 'c1', items: [{ status: 'DELIVERED', error: 'é"\n' }] });
  client.socket.send('nonsense');
  t.match(await client.next(), { op: 'error', code: 'malformed-json' });
  client.socket.send(Buffer.from('{"op":"ping"}'), { binary: true });
  t.strictSame(await client.next(), { op: 'pong' });
  client.socket.close();
  await client.closed;
  const gone = rawConnect(port);
  await gone.until(() => engine.subscriptions.size === 0, 200);
  gone.socket.destroy();
  t.equal(engine.subscriptions.size, 0);
});

t.test('an upgrade that is none is refused with its reason', async (t) => {
  const { port } = await setupGateway(t);
  const without = (name: string) => handshake.filter((line) => !line.startsWith(name));
  for (const [name, text, status] of [
    ['no upgrade at all', upgrade([]), 400],
    ['another protocol', upgrade([...without('Upgrade'), 'Upgrade: h2c']), 400],
    ['no upgrade header', upgrade(without('Upgrade')), 400],
    ['no version', upgrade(without('Sec-WebSocket-Version')), 400],
    ['an old version', upgrade([...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8']), 400],
    ['no key', upgrade(without('Sec-WebSocket-Key')), 400],
    ['a short key', upgrade([...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: abc']), 400],
    ['a body', `${upgrade([...handshake, 'Content-Length: 2'])}{}`, 400],
    ['two lengths', upgrade([...handshake, 'Content-Length: 0', 'Content-Length: 0']), 400],
    ['an unknown parameter', upgrade(handshake, `${path}?tokn=x`), 422],
    ['another path', upgrade(handshake, '/api/v1/streams'), 404],
    ['another case', upgrade(handshake, '/api/v1/Stream'), 404],
    ['a path behind it', upgrade(handshake, `${path}/x`), 404],
  ] as const) {
    const answer = await rawRequest(port, text);
    t.equal(answer.status, status, name);
    t.match(answer.headers['content-type'], 'application/problem+json', name);
    t.ok(answer.headers['x-request-id'], name);
  }
  t.equal((await rawRequest(port, upgrade(handshake).replace('GET', 'POST'))).status, 405);
});

t.test('messages that are too long or no text close the socket, and only that one', async (t) => {
  const { port } = await setupGateway(t);
  const url = `ws://127.0.0.1:${port}${path}`;
  const other = await connect(t, url);
  const long = await connect(t, url);
  long.socket.send('x'.repeat(streamMessageBytesMax + 1));
  t.match(await long.closed, { code: 1_009, reason: 'the message is too long' });
  const longer = await connect(t, url);
  longer.socket.send('x'.repeat(streamMessageReceivedBytesMax + 1));
  t.match(await longer.closed, { code: 1_006 });
  const broken = rawConnect(port);
  broken.socket.write(upgrade(handshake));
  await broken.until((text) => text.includes('101 Switching'));
  broken.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  await broken.until(() => broken.isClosed());
  t.ok(broken.isClosed());
  broken.socket.destroy();
  other.socket.send('{"op":"ping"}');
  t.match(await other.next(), { op: 'pong' });
});

t.test('clients that never read rest, cost bounded memory and are closed in the end; the others miss nothing', async (t) => {
  const { port, engine } = await setupGateway(t, { streamPatienceMs: 1_000 });
  const reader = await connect(t, `ws://127.0.0.1:${port}${path}`);
  reader.socket.send('{"op":"subscribe","id":"r"}');
  await reader.next();
  const silent = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const client = rawConnect(port);
      t.teardown(() => client.socket.destroy());
      client.socket.write(upgrade(handshake));
      await client.until((text) => text.includes('101 Switching'));
      client.socket.pause();
      client.socket.write(frame('{"op":"subscribe","id":"s"}'));
      return client;
    }),
  );
  await until('all have subscribed', () => engine.subscriptions.size === 11);
  const resting = () => [...engine.subscriptions].filter(({ isResting }) => isResting).length;
  const before = process.memoryUsage().rss;
  const items = Array.from({ length: 500 }, () => changeOf(id, { error: 'x'.repeat(200) }));
  let published = 0;
  let read = 0;
  // The system itself takes a few MB for each connection before anything is left with us.
  while (resting() < 10 && published < 200) {
    published++;
    engine.publish({ cursor: `c${published}`, items, gapFrom: null });
    const message = await reader.next();
    if (message['op'] === 'changes') read++;
  }
  t.equal(resting(), 10, `all silent ones rest after ${published} batches`);
  t.equal(read, published, 'the one that reads has read them all');
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  t.ok(grownMiB < 10 * 3 * (streamBacklogBytesMax / 2 ** 20) + 150, `memory grew by ${Math.round(grownMiB)} MiB`);
  await until('they are closed', () => engine.subscriptions.size === 1, 15_000);
  const [first] = silent;
  first!.socket.resume();
  await first!.until(() => first!.isClosed(), 5_000);
  t.ok(first!.isClosed(), 'and their connections are gone');
  reader.socket.send('{"op":"ping"}');
  t.match(await reader.next(), { op: /pong|cursor/ });
});

t.test('a client that stops reading and goes on is told in between, and the engine is asked for the rest', async (t) => {
  const { port, engine } = await setupGateway(t);
  const client = await connect(t, `ws://127.0.0.1:${port}${path}`);
  client.socket.send('{"op":"subscribe","id":"r"}');
  await client.next();
  client.socket.pause();
  const [subscription] = engine.subscriptions;
  const items = Array.from({ length: 500 }, () => changeOf(id, { error: 'x'.repeat(200) }));
  let published = 0;
  for (; !subscription!.isResting && published < 200; published++) {
    engine.publish({ cursor: `c${published}`, items, gapFrom: null });
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.ok(subscription!.isResting);
  client.socket.resume();
  await until('it goes on', () => subscription!.resumed === 1);
  engine.publish({ cursor: 'last', items: [changeOf(id)], gapFrom: null });
  const ops: unknown[] = [];
  for (let message = await client.next(); ; message = await client.next()) {
    if (message['op'] !== 'cursor') ops.push(message['op']);
    if (message['cursor'] === 'last') break;
  }
  t.same(ops, [...Array.from({ length: published - 1 }, () => 'changes'), 'lagging', 'changes']);
});

t.test('a stop closes streams with 1001', async (t) => {
  const { port, close } = await setupGateway(t);
  const client = await connect(t, `ws://127.0.0.1:${port}${path}`);
  await close();
  t.match(await client.closed, { code: 1_001, reason: 'stopping' });
});
