/** The parts of undici that couriers use are undici's own, and come without the rest. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import * as undici from 'undici';
import { buildConnector, Client } from '../../engine/dispatch/undici.js';

t.test('they are the very ones that the package exports', async (t) => {
  t.equal(Client, undici.Client);
  t.equal(buildConnector, undici.buildConnector);
});

t.test('nothing of fetch comes along', async (t) => {
  const parts = new URL('../../engine/dispatch/undici.js', import.meta.url).href;
  const look = `await import(${JSON.stringify(parts)});
    const { default: { _cache } } = await import('node:module');
    console.log(Object.keys(_cache).join('\\n'));`;
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', look], { encoding: 'utf8' }).trim().split('\n');
  t.ok(loaded.some((file) => file.endsWith('client.js')));
  t.same(
    loaded.filter((file) => /undici.lib.web.fetch.index/.test(file)),
    [],
  );
});
