/**
 * Where the webhooks of benches go: answers 204 at once over kept connections, and knows what came.
 *
 * `GET /figures` says how many came, how many of them again or early, and how long after their time each arrived; `POST /reset` begins anew.
 */
import { App, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { LagHistogram } from '../lib/lag-histogram.js';
import type { ReceiverFigures } from '../lib/webhook-load.js';

const lag = new LagHistogram();
const ids = new Set<string>();
let repeated = 0;
let early = 0;
let lastAtMs = 0;

const app = App();
app.post('/hook', (response, request) => {
  const now = performance.timeOrigin + performance.now();
  const id = request.getHeader('webhook-id');
  const dueAtMs = Date.parse(request.getHeader('escapement-scheduled-at'));
  if (ids.has(id)) repeated++;
  ids.add(id);
  if (Math.floor(now) < dueAtMs) early++;
  lag.record(now - dueAtMs);
  lastAtMs = now;
  response.onAborted(() => undefined);
  response.onData((_chunk, isLast) => {
    if (isLast) response.cork(() => response.writeStatus('204 No Content').endWithoutBody());
  });
});
app.get('/figures', (response) => {
  const figures: ReceiverFigures = { arrived: ids.size, repeated, early, lastAtMs, lag: lag.figures(), curve: lag.curve('') };
  response.writeHeader('content-type', 'application/json').end(JSON.stringify(figures));
});
app.get('/ids', (response) => {
  response.writeHeader('content-type', 'application/json').end(JSON.stringify([...ids]));
});
app.post('/reset', (response) => {
  lag.reset();
  ids.clear();
  repeated = 0;
  early = 0;
  response.end();
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('no free port');
  process.on('SIGTERM', () => us_listen_socket_close(socket));
  console.log(`Escapement listening on http://127.0.0.1:${us_socket_local_port(socket)}`);
});
