import { get } from 'node:https';
import t from 'tap';
import { setupGateway } from '../support/gateway.js';
import { testCertificate, testKey } from '../support/tls-pair.js';

t.test('with a certificate and a key the same calls are answered over TLS', async (t) => {
  const directory = t.testdir({ 'cert.pem': testCertificate, 'key.pem': testKey });
  const tls = { certFile: `${directory}/cert.pem`, keyFile: `${directory}/key.pem` };
  const { url } = await setupGateway(t, { config: { host: '127.0.0.1', port: 0, tls, apiKeys: null } });
  t.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const status = await new Promise((resolve, reject) => {
    get(`${url}/health/ready`, { ca: testCertificate, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  t.equal(status, 200);
});
