import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { refuseWhatCannotStart } from '../../gateway/preflight.js';

const host = '127.0.0.1';

t.test('a port in use is refused with a line that says what to do', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, host, resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  await t.rejects(
    refuseWhatCannotStart({ host, port, tls: null }),
    new RegExp(`port ${port} on 127.0.0.1 is in use: .*ESCAPEMENT_PORT`),
  );
});

t.test('a free port is given back', async (t) => {
  await refuseWhatCannotStart({ host, port: 0, tls: null });
  t.pass('no socket keeps this process alive');
});

t.test('an address of another machine is refused', async (t) => {
  await t.rejects(refuseWhatCannotStart({ host: '192.0.2.1', port: 0, tls: null }), /192\.0\.2\.1 is no address of this machine/);
});

t.test('a TLS file that cannot be read is refused by its variable', async (t) => {
  const tls = { certFile: t.testdir({ 'cert.pem': 'x' }).concat('/cert.pem'), keyFile: '/nonexistent/key.pem' };
  await t.rejects(
    refuseWhatCannotStart({ host, port: 0, tls }),
    /ESCAPEMENT_TLS_KEY: cannot read \/nonexistent\/key\.pem \(ENOENT\)/,
  );
});
