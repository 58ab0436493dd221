/** F29: connections that are opened and not used. The server closes them after about 12 s, which is how long this takes. */
import t from 'tap';
import { setupGateway } from '../support/gateway.js';
import { rawConnect } from '../support/raw-http.js';

t.test('whoever is silent in the head, in the body or between requests is closed; whoever works is not', async (t) => {
  const { port, engine } = await setupGateway(t);
  const starts = {
    'before the first byte': '',
    'in the head': 'POST /api/v1/events HTTP/1.1\r\nHost: test\r\nContent-',
    'in the body':
      'POST /api/v1/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"dest',
    'in a chunk':
      'POST /api/v1/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"d',
    'after an answer': 'GET /health HTTP/1.1\r\nHost: test\r\n\r\n',
  };
  const working = rawConnect(port);
  t.teardown(() => working.socket.destroy());
  const again = setInterval(() => working.socket.write('GET /health HTTP/1.1\r\nHost: test\r\n\r\n'), 2_000);
  t.teardown(() => clearInterval(again));
  await Promise.all(
    Object.entries(starts).map(async ([name, text]) => {
      const client = rawConnect(port);
      t.teardown(() => client.socket.destroy());
      client.socket.write(text);
      await client.until(() => client.isClosed(), 20_000);
      t.ok(client.isClosed(), name);
    }),
  );
  t.notOk(working.isClosed());
  t.equal(engine.events.size, 0);
});
