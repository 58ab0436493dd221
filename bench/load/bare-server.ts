/**
 * The yardstick of every figure over HTTP: a uWebSockets.js handler that reads and parses the same body and answers 20 bytes.
 * What it does on a machine in a minute is what nobody can do better there and then.
 */
import { App, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';

const app = App();
app.post('/*', (response) => {
  let body = Buffer.alloc(0);
  response.onAborted(() => undefined);
  response.onData((chunk, isLast) => {
    body = body.length === 0 && isLast ? Buffer.from(chunk) : Buffer.concat([body, Buffer.from(chunk)]);
    if (!isLast) return;
    JSON.parse(body.toString());
    response.cork(() => response.writeStatus('201 Created').end('{"status":"accepted"}'));
  });
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('no free port');
  process.on('SIGTERM', () => us_listen_socket_close(socket));
  console.log(`Escapement listening on http://127.0.0.1:${us_socket_local_port(socket)}`);
});
