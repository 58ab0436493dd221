import { chmodSync, existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { mintApiKey } from '../../../gateway/access/api-key.js';
import { changeKeyFile, parseKeyFile, readKeyFile } from '../../../gateway/access/key-file.js';
import { KeyWatch } from '../../../gateway/access/key-watch.js';

const createdAt = '2026-11-20T10:00:00.000Z';
const first = mintApiKey({ name: 'orders', scopes: ['write'], rateLimit: { requests: 100, windowS: 60 }, createdAt });
const second = mintApiKey({ name: 'dashboard', scopes: ['read', 'admin'], rateLimit: null, createdAt });

t.test('a file is made for its owner alone, and reads back as it was written, without a token', async (t) => {
  const file = join(t.testdir(), 'keys.json');
  changeKeyFile(file, () => [first.key, second.key]);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same(readKeyFile(file), [first.key, second.key]);
  for (const { token } of [first, second]) t.notMatch(readFileSync(file, 'utf8'), token.slice(21));
});

t.test('a change replaces the file as a whole, also behind a link, and makes it private again', async (t) => {
  const dir = t.testdir({ real: {} });
  const file = join(dir, 'real', 'keys.json');
  const link = join(dir, 'keys.json');
  changeKeyFile(file, () => [first.key]);
  chmodSync(file, 0o644);
  symlinkSync(file, link);
  const before = statSync(file).ino;
  changeKeyFile(link, (keys) => [...keys, second.key]);
  t.ok(lstatSync(link).isSymbolicLink());
  t.not(statSync(file).ino, before);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(readKeyFile(link).length, 2);
});

t.test('a change that is refused leaves everything as it was, and two at once exclude each other', async (t) => {
  const dir = t.testdir();
  const file = join(dir, 'keys.json');
  changeKeyFile(file, () => [first.key]);
  t.throws(() =>
    changeKeyFile(file, () => {
      throw new Error('no');
    }),
  );
  t.throws(() => changeKeyFile(file, () => changeKeyFile(file, () => []) as never), {
    name: 'StartError',
    message: /another command/,
  });
  t.same(readKeyFile(file), [first.key]);
  t.notOk(existsSync(`${file}.new`));
});

t.test('what is no file of keys is refused with its reason', async (t) => {
  const row = { id: '0'.repeat(16), name: 'a', scopes: ['read'], sha256: '0'.repeat(64), rate_limit: null, created_at: '' };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [[], /no file of API keys/],
    [{ version: 2, keys: [] }, /\/version/],
    [{ version: 1, keys: [{ ...row, scopes: ['root'] }] }, /\/keys\/0\/scopes/],
    [{ version: 1, keys: [{ ...row, scopes: [] }] }, /\/keys\/0\/scopes/],
    [{ version: 1, keys: [{ ...row, sha256: 'secret' }] }, /\/keys\/0\/sha256/],
    [{ version: 1, keys: [{ ...row, rate_limit: { requests: 0, window_s: 1 } }] }, /\/keys\/0\/rate_limit/],
    [{ version: 1, keys: [{ ...row, extra: 1 }] }, /extra/],
    [{ version: 1, keys: [row, { ...row, name: 'b' }] }, /same id/],
    [{ version: 1, keys: [row, { ...row, id: '1'.repeat(16) }] }, /same name/],
  ];
  for (const [value, message] of cases) {
    t.throws(() => parseKeyFile('keys.json', JSON.stringify(value)), { name: 'StartError', message }, String(message));
  }
  t.throws(() => parseKeyFile('keys.json', '{'), /not JSON/);
});

t.test('a change is noticed at the next look; a file that cannot be used is reported once and changes nothing', async (t) => {
  const file = join(t.testdir(), 'keys.json');
  changeKeyFile(file, () => [first.key, second.key]);
  const said: string[] = [];
  let changes = 0;
  const logger = {
    info: () => undefined,
    error: (fields: Readonly<Record<string, unknown>>) => void said.push(String(fields['reason'])),
  };
  const watch = new KeyWatch({ file, logger, onChange: () => changes++ });
  await watch.look();
  changes = 0;
  await watch.look();
  t.equal(changes, 0, 'nothing has changed');
  changeKeyFile(file, (keys) => keys.filter(({ name }) => name !== 'orders'));
  await watch.look();
  t.equal(changes, 1);
  t.equal(watch.keyring.find(first.token), null);
  t.ok(watch.keyring.find(second.token));

  const good = readFileSync(file);
  writeFileSync(file, '{"version":1,"ke');
  await watch.look();
  await watch.look();
  t.match(said, [/not JSON/]);
  t.match(watch.fault, /cannot be used/);
  t.notMatch(watch.fault, /keys.json/, 'nobody without a key is told where it is');
  chmodSync(file, 0o622);
  writeFileSync(file, JSON.stringify({ version: 1, keys: [] }));
  await watch.look();
  t.match(said[1], /others may write/);
  t.ok(watch.keyring.find(second.token), 'known keys stay in force');
  chmodSync(file, 0o600);
  await watch.look();
  t.equal(watch.keyring.size, 0);
  t.equal(watch.fault, null);
  writeFileSync(file, good);
  await watch.look();
  t.equal(watch.keyring.size, 1);
  t.equal(said.length, 2);
});
