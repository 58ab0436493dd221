/** F34: what an answer, or the time it takes, tells of keys to somebody who has none. */
import { timingSafeEqual } from 'node:crypto';
import t from 'tap';
import { digestOf, keyIdOf, mintApiKey } from '../../../gateway/access/api-key.js';
import { Keyring } from '../../../gateway/access/keyring.js';

const facts = { name: 'a', scopes: ['read'], rateLimit: null, createdAt: '2026-11-20T10:00:00.000Z' } as const;

t.test('a key holds 256 random bits, and only its digest is kept', async (t) => {
  const { key, token } = mintApiKey(facts);
  t.match(token, /^esc_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  t.equal(keyIdOf(token), key.id);
  t.same(key.digest, digestOf(token));
  t.notMatch(JSON.stringify(key), token.slice(21));
  const tokens = new Set(Array.from({ length: 100 }, () => mintApiKey(facts).token));
  t.equal(tokens.size, 100);
});

t.test('each token costs one constant-time comparison of two digests, whatever it is', async (t) => {
  const { key, token } = mintApiKey(facts);
  const compared: [Buffer, Buffer][] = [];
  const keyring = new Keyring([key, mintApiKey({ ...facts, name: 'b' }).key], (a, b) => {
    compared.push([a, b]);
    return timingSafeEqual(a, b);
  });
  const flip = (at: number): string => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  const wrong = [flip(21), flip(40), flip(token.length - 2), mintApiKey(facts).token];
  for (const guess of [token, ...wrong]) {
    compared.length = 0;
    t.equal(keyring.find(guess)?.name, guess === token ? 'a' : undefined);
    t.equal(compared.length, 1);
    t.same(
      compared[0]!.map(({ length }) => length),
      [32, 32],
    );
    t.notOk(
      compared[0]!.some((bytes) => bytes.includes(guess.slice(21, 30))),
      'digests are compared, not tokens',
    );
  }
});

t.test('what has not the form of a key is nobody', async (t) => {
  const { key, token } = mintApiKey(facts);
  const keyring = new Keyring([key]);
  const others = [
    '',
    'esc_',
    token.toUpperCase(),
    ` ${token}`,
    `${token}=`,
    token.slice(0, -1),
    `${token}\0`,
    key.digest.toString('hex'),
  ];
  for (const other of [...others, 'esc_0000000000000000_'.padEnd(64, 'A'), '__proto__'])
    t.equal(keyring.find(other), null, other);
});

t.test('a revoked key is gone at once, and one that came back with another secret is another', async (t) => {
  const { key, token } = mintApiKey(facts);
  const keyring = new Keyring([key]);
  const held = keyring.find(token)!;
  t.ok(keyring.current(held));
  keyring.replace([{ ...key, digest: digestOf('another') }]);
  t.equal(keyring.find(token), null);
  t.equal(keyring.current(held), null);
  keyring.replace([]);
  t.equal(keyring.find(token), null);
  t.equal(keyring.size, 0);
});

t.test('what was used of a quota stays used when the file is read again, unless the limit is another', async (t) => {
  const { key, token } = mintApiKey({ ...facts, rateLimit: { requests: 2, windowS: 60 } });
  const keyring = new Keyring([key]);
  keyring.find(token)!.window!.take(0);
  keyring.replace([{ ...key, scopes: ['write'] }]);
  t.match(keyring.find(token)!.window!.take(0), { granted: true, left: 0 });
  keyring.replace([{ ...key, rateLimit: { requests: 3, windowS: 60 } }]);
  t.match(keyring.find(token)!.window!.take(0), { granted: true, left: 2 });
});
