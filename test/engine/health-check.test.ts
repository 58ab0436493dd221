/** The check of a container, as it is started there, against servers as they are started there. */
import { type AddressInfo, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { setupGateway } from '../support/gateway.js';
import { within } from '../support/deadline.js';
import { Program } from '../support/process.js';
import { testCertificate, testKey } from '../support/tls-pair.js';

const script = new URL('../../engine/health-check.js', import.meta.url);
const whole = new URL('../../gateway/main.js', import.meta.url);

async function check(t: Test, env: Readonly<Record<string, string>>, options: { args?: readonly string[]; script?: URL } = {}) {
  const program = new Program({ script, ...options, env });
  t.teardown(() => program.kill());
  const { code } = await within('the check ends', program.exited);
  return { code, said: [...program.stdout, ...program.stderr].join('\n') };
}

t.test('a server that answers is well, by its own variables', async (t) => {
  const { port } = await setupGateway(t);
  const env = { ESCAPEMENT_PORT: `${port}`, ESCAPEMENT_DATA_DIR: '/data' };
  t.same(await check(t, env), { code: 0, said: '' });
  t.same(await check(t, { ...env, ESCAPEMENT_HOST: '0.0.0.0', ESCAPEMENT_INSECURE: 'true' }), { code: 0, said: '' });
  t.same(await check(t, env, { args: ['--ready'] }), { code: 0, said: '' });
  t.same(await check(t, env, { script: whole, args: ['health', '--ready'] }), { code: 0, said: '' });
});

t.test('with a certificate it is asked over TLS, whoever the certificate is for', async (t) => {
  const directory = t.testdir({ 'cert.pem': testCertificate, 'key.pem': testKey });
  const tls = { certFile: `${directory}/cert.pem`, keyFile: `${directory}/key.pem` };
  const { port } = await setupGateway(t, { config: { role: 'serve', host: '127.0.0.1', port: 0, tls, apiKeys: null } });
  const env = { ESCAPEMENT_PORT: `${port}`, ESCAPEMENT_TLS_CERT: tls.certFile, ESCAPEMENT_TLS_KEY: tls.keyFile };
  t.same(await check(t, env), { code: 0, said: '' });
  t.match(await check(t, { ESCAPEMENT_PORT: `${port}` }), { code: 1, said: /cannot be asked/ }, 'plain HTTP is no answer there');
});

t.test('nobody there, silence, and another answer than 200 are not well', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  t.match(await check(t, { ESCAPEMENT_PORT: `${port}` }), { code: 1, said: /does not answer/ });
  t.match(await check(t, { ESCAPEMENT_PORT: '1' }), { code: 1, said: /cannot be asked: .*ECONNREFUSED/ });
  const { engine, port: own } = await setupGateway(t);
  engine.healthNow = { ...engine.healthNow, status: 'recovering' };
  t.match(await check(t, { ESCAPEMENT_PORT: `${own}` }), { code: 0 }, 'a server that recovers lives');
  t.match(await check(t, { ESCAPEMENT_PORT: `${own}` }, { args: ['--ready'] }), { code: 1, said: /ready answers 503/ });
});

t.test('what it cannot understand is refused', async (t) => {
  t.match(await check(t, { ESCAPEMENT_PORT: '0' }), { code: 1, said: /which port/ });
  t.match(await check(t, { ESCAPEMENT_PROT: '8080' }), { code: 1, said: /ESCAPEMENT_PROT/ });
  t.match(await check(t, {}, { args: ['--help'] }), { code: 0, said: /--ready/ });
});
