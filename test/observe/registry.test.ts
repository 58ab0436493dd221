/** The registry is prom-client's own and comes without the rest. */
import { createRequire } from 'node:module';
import t from 'tap';
import { Registry } from 'prom-client';

t.test('the file from which the registry is taken is what the package exports', async (t) => {
  t.equal(createRequire(import.meta.url)('prom-client/lib/registry.js'), Registry);
});
