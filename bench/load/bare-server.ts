/**
 * The yardstick of every figure over HTTP: a uWebSockets.js handler that reads and parses the same body and answers 20 bytes.
 * What it does on a machine in a minute is what nobody can do better there and then.
 */
import { unpack } from 'msgpackr';
import { App, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';

const parsers: Readonly<Record<string, (body: Buffer) => unknown>> = {
  'application/json': (body) => JSON.parse(body.toString()),
  'application/x-ndjson': (body) =>
    body
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  'application/msgpack': (body) => unpack(body),
};

const app = App();
app.post('/*', (response, request) => {
  const parse = parsers[request.getHeader('content-type')]!;
  let body = Buffer.alloc(0);
  response.onAborted(() => undefined);
  response.onData((chunk, isLast) => {
    body = body.length === 0 && isLast ? Buffer.from(chunk) : Buffer.concat([body, Buffer.from(chunk)]);
    if (!isLast) return;
    parse(body);
    response.cork(() => response.writeStatus('201 Created').end('{"status":"accepted"}'));
  });
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('no free port');
  process.on('SIGTERM', () => us_listen_socket_close(socket));
  console.log(`Escapement listening on http://127.0.0.1:${us_socket_local_port(socket)}`);
});
