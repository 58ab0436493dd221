/** F26 and the WebSocket itself: clients that never read, that send what they should not, that come the wrong way. */
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { streamBacklogBytesMax } from '../../engine/index.js';
import { streamMessageBytesMax } from '../../gateway/limits.js';
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
  t.match(await long.closed, { code: 1_006 });
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

t.test('clients that never read are closed with 1013 and cost bounded memory; the others miss nothing', async (t) => {
  const { port, engine } = await setupGateway(t);
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
  const settle = rawConnect(port);
  await settle.until(() => engine.subscriptions.size === 11, 500);
  for (let waits = 0; engine.subscriptions.size < 11 && waits < 100; waits++) await settle.until(() => false, 10);
  t.equal(engine.subscriptions.size, 11);
  const before = process.memoryUsage().rss;
  const items = Array.from({ length: 500 }, () => changeOf(id, { error: 'x'.repeat(200) }));
  let published = 0;
  let read = 0;
  // The system itself takes a few MB for each connection before anything is left with us.
  while (engine.subscriptions.size > 1 && published < 200) {
    published++;
    engine.publish({ cursor: `c${published}`, items, gapFrom: null });
    const message = await reader.next();
    if (message['op'] === 'changes') read++;
  }
  t.equal(engine.subscriptions.size, 1, `all silent ones were closed after ${published} batches`);
  t.equal(read, published, 'the one that reads has read them all');
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  t.ok(grownMiB < 10 * 2 * (streamBacklogBytesMax / 2 ** 20) + 150, `memory grew by ${Math.round(grownMiB)} MiB`);
  settle.socket.destroy();
  const [first] = silent;
  first!.socket.resume();
  await first!.until(() => first!.isClosed(), 5_000);
  t.ok(first!.isClosed(), 'and their connections are gone');
});

t.test('a stop closes streams with 1001', async (t) => {
  const { port, close } = await setupGateway(t);
  const client = await connect(t, `ws://127.0.0.1:${port}${path}`);
  await close();
  t.match(await client.closed, { code: 1_001, reason: 'stopping' });
});
