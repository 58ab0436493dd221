import { generateKeyPairSync } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { refuseWhatCannotStart } from '../../gateway/preflight.js';
import { testCertificate, testKey } from '../support/tls-pair.js';

const host = '127.0.0.1';

t.test('a port in use is refused with a line that says what to do', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, host, resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  await t.rejects(
    refuseWhatCannotStart({ host, port, tls: null, apiKeys: null }),
    new RegExp(`port ${port} on 127.0.0.1 is in use: .*ESCAPEMENT_PORT`),
  );
});

t.test('a free port is given back', async (t) => {
  await refuseWhatCannotStart({ host, port: 0, tls: null, apiKeys: null });
  t.pass('no socket keeps this process alive');
});

t.test('an address of another machine is refused', async (t) => {
  await t.rejects(
    refuseWhatCannotStart({ host: '192.0.2.1', port: 0, tls: null, apiKeys: null }),
    /192\.0\.2\.1 is no address of this machine/,
  );
});

t.test('a TLS file that cannot be read is refused by its variable', async (t) => {
  const tls = { certFile: t.testdir({ 'cert.pem': testCertificate }).concat('/cert.pem'), keyFile: '/nonexistent/key.pem' };
  await t.rejects(
    refuseWhatCannotStart({ host, port: 0, tls, apiKeys: null }),
    /ESCAPEMENT_TLS_KEY: cannot read \/nonexistent\/key\.pem \(ENOENT\)/,
  );
});

t.test('TLS files that say nothing, or do not belong together, are refused by what is wrong with them', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const dir = t.testdir({
    'cert.pem': testCertificate,
    'key.pem': testKey,
    'other.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'junk.pem': 'junk',
  });
  const started = (cert: string, key: string): Promise<void> => {
    const tls = { certFile: `${dir}/${cert}.pem`, keyFile: `${dir}/${key}.pem` };
    return refuseWhatCannotStart({ host, port: 0, tls, apiKeys: null });
  };
  await t.rejects(started('junk', 'key'), {
    name: 'StartError',
    message: /TLS_CERT: .*junk\.pem is no certificate chain in PEM/,
  });
  await t.rejects(started('cert', 'junk'), { name: 'StartError', message: /TLS_KEY: .*junk\.pem is no private key in PEM/ });
  await t.rejects(started('cert', 'other'), { name: 'StartError', message: /other\.pem is not the key of the certificate in / });
  await started('cert', 'key');
});

t.test('API keys that cannot be read, or that others may write, are refused before anything is touched', async (t) => {
  const dir = t.testdir({ 'keys.json': '{"version":1,"keys":[]}', 'other.json': '{"keys":7}' });
  const refusal = (apiKeys: string): Promise<void> => refuseWhatCannotStart({ host, port: 0, tls: null, apiKeys });
  await t.rejects(refusal(`${dir}/none.json`), { name: 'StartError', message: /escapement keys create/ });
  chmodSync(`${dir}/other.json`, 0o600);
  await t.rejects(refusal(`${dir}/other.json`), { name: 'StartError', message: /no file of API keys/ });
  chmodSync(`${dir}/keys.json`, 0o666);
  await t.rejects(refusal(`${dir}/keys.json`), { name: 'StartError', message: /others may write .* chmod 600/ });
  chmodSync(`${dir}/keys.json`, 0o640);
  await refusal(`${dir}/keys.json`);
});
