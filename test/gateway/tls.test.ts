import { get } from 'node:https';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { setupGateway } from '../support/gateway.js';
import { testCertificate, testKey } from '../support/tls-pair.js';

function setup(t: Test) {
  const directory = t.testdir({ 'cert.pem': testCertificate, 'key.pem': testKey });
  const tls = { certFile: `${directory}/cert.pem`, keyFile: `${directory}/key.pem` };
  return setupGateway(t, { config: { role: 'serve', host: '127.0.0.1', port: 0, tls, apiKeys: null } });
}

t.test('with a certificate and a key the same calls are answered over TLS', async (t) => {
  const { url } = await setup(t);
  t.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const status = await new Promise((resolve, reject) => {
    get(`${url}/health/ready`, { ca: testCertificate, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  t.equal(status, 200);
});

t.test('streams run over TLS too, and versions before 1.2 are refused', async (t) => {
  const { port } = await setup(t);
  const socket = new WebSocket(`wss://127.0.0.1:${port}/api/v1/stream`, { ca: testCertificate });
  t.teardown(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const) {
    const options = {
      port,
      host: '127.0.0.1',
      ca: testCertificate,
      ciphers: 'DEFAULT@SECLEVEL=0',
      minVersion: version,
      maxVersion: version,
    };
    const isTaken = await new Promise<boolean>((resolve) => {
      const client = connect(options, () => resolve(true)).on('error', () => resolve(false));
      t.teardown(() => client.destroy());
    });
    t.equal(isTaken, version >= 'TLSv1.2', version);
  }
});
