import t from 'tap';
import { readNatsAddress, shownAddress } from '../../engine/nats/nats-address.js';

t.test('a scheme and a port may be left out, several servers are separated by commas', async (t) => {
  t.same(readNatsAddress('nats://localhost:4333'), { servers: ['localhost:4333'], login: null, tls: false });
  t.same(readNatsAddress('localhost, tls://b.test:4444,')?.servers, ['localhost:4222', 'b.test:4444']);
  t.equal(readNatsAddress('localhost, tls://b.test')?.tls, true);
  t.same(readNatsAddress('nats://[::1]')?.servers, ['[::1]:4222']);
});

t.test('a login is taken from the first, and never shown', async (t) => {
  const address = readNatsAddress('nats://me:p%40ss@a.test,b.test')!;
  t.same(address.login, { user: 'me', pass: 'p@ss' });
  t.same(readNatsAddress('nats://s3cret@a.test')!.login, { token: 's3cret' });
  t.equal(shownAddress(address), 'a.test:4222, b.test:4222');
});

t.test('what is no address is refused', async (t) => {
  for (const text of [
    '',
    ' , ',
    'http://a.test',
    'nats://',
    'nats://a.test/path',
    'nats://a.test?x=1',
    'nats://a b',
    'a,ws://b',
  ]) {
    t.equal(readNatsAddress(text), undefined, text);
  }
});
