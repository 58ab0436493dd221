/** What a node answers by its role, and what it says of its cluster. */
import { join } from 'node:path';
import t from 'tap';
import type { ClusterView } from '../../engine/index.js';
import { mintApiKey } from '../../gateway/access/api-key.js';
import { changeKeyFile } from '../../gateway/access/key-file.js';
import { addressOf, urlOf } from '../../gateway/address.js';
import { routes } from '../../gateway/routes.js';
import { setupGateway } from '../support/gateway.js';
import { rawRequest } from '../support/raw-http.js';

const here = { host: '127.0.0.1', port: 0, tls: null, apiKeys: null } as const;
const engineRole = { ...here, role: 'engine' } as const;

t.test('an engine answers health and metrics, and sends everything else to a gateway', async (t) => {
  const { call, engine } = await setupGateway(t, { config: engineRole });
  for (const { method, path } of routes) {
    const target = path.replace('{code}', 'misdirected').replace(/\{\w+\}/, 'x');
    const { status, json } = await call(method, target);
    if (/^(\/api\/v1)?\/health|^\/metrics|^\/problems\//.test(path)) t.equal(status, 200, target);
    else {
      t.equal(status, 421, `${method} ${target}`);
      t.match(json, { code: 'misdirected', type: '/problems/misdirected', retryable: false, detail: /ask a gateway/ });
    }
  }
  t.equal((await call('GET', '/nowhere')).status, 404);
  t.equal((await call('POST', '/health')).status, 405);
  t.equal(engine.subscriptions.size, 0);
});

t.test('an engine has no stream either', async (t) => {
  const { port } = await setupGateway(t, { config: engineRole });
  const upgrade = [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
  ];
  const lines = ['GET /api/v1/stream HTTP/1.1', 'Host: test', ...upgrade, '', ''];
  t.equal((await rawRequest(port, lines.join('\r\n'))).status, 421);
});

t.test('where keys are asked for, an engine asks for one before it shows its metrics', async (t) => {
  const file = join(t.testdir(), 'keys.json');
  const { key, token } = mintApiKey({ name: 'k', scopes: ['read'], rateLimit: null, createdAt: '2026-11-20T10:00:00.000Z' });
  changeKeyFile(file, () => [key]);
  const { call } = await setupGateway(t, { config: { ...engineRole, apiKeys: file } });
  t.equal((await call('GET', '/metrics')).status, 401);
  t.equal((await call('GET', '/metrics', undefined, { authorization: `Bearer ${token}` })).status, 200);
  t.equal((await call('GET', '/health')).status, 200);
});

t.test('whoever listens tells the engine where', async (t) => {
  const { engine, url } = await setupGateway(t);
  t.same(engine.addresses, [url]);
  t.equal(urlOf({ host: '0.0.0.0', tls: null }, 80), 'http://0.0.0.0:80');
  t.equal(addressOf({ host: '0.0.0.0', tls: null }, 80, 'engine-1'), 'http://engine-1:80');
  t.equal(addressOf({ host: '::', tls: {} }, 443, 'engine-1'), 'https://engine-1:443');
  t.equal(addressOf({ host: '::1', tls: null }, 80, 'engine-1'), 'http://[::1]:80');
});

t.test('a node tells what it knows of its cluster; one that is alone has none', async (t) => {
  const { call, engine } = await setupGateway(t);
  t.match(await call('GET', '/api/v1/cluster'), { status: 404, json: { code: 'not-found', detail: /works alone/ } });
  const view: ClusterView = {
    nodes: [
      { id: 'a', address: 'http://a:8080', alive: true, partitions: [1] },
      { id: 'b', address: null, alive: false, partitions: [0] },
    ],
    partitions: [0, 1].map((partition) => ({
      partition,
      owner: partition === 1 ? 'a' : 'b',
      epoch: 2,
      standby: null,
      standby_lag: null,
      last_takeover_ms: 12,
      takeover_duplicates: 0,
      data_loss_count: 0,
    })),
  };
  engine.clusterNow = view;
  t.match(await call('GET', '/api/v1/cluster'), { status: 200, json: view });
  t.equal((await call('GET', '/api/v1/cluster?node=a')).status, 422);
});
