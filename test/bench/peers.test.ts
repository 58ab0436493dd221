/** The benches beside other systems, small: always with Escapement, with the others where their packages and servers are. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { findBenches } from '../../bench/lib/find.js';
import { packageMissing } from '../../bench/peers/packages.js';
import { runSmall } from './small-runs.js';

t.setTimeout(170_000);

// The other rates are the same bench, and their small size is the same load.
for (const found of await findBenches(['peers-insert', 'peers-fire-1k'])) {
  t.test(`${found.bench.name} runs at its smallest size`, { timeout: 120_000 }, async (t) => {
    const rows = await runSmall(t, found);
    t.match(rows[0], { system: /^Escapement/ });
  });
}

t.test('a package that is not there is named, with the way to get it', async (t) => {
  t.equal(packageMissing('no-such-peer'), 'the package no-such-peer: npm ci --prefix bench/peers');
});

t.test("the peers are nobody else's dependencies, and no address is in their lock file", async (t) => {
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>;
  const ours = { ...read('package.json')['dependencies'], ...read('package.json')['devDependencies'] };
  const theirs = Object.keys(read('bench/peers/package.json')['dependencies']!);
  t.ok(theirs.includes('bullmq') && theirs.includes('graphile-worker') && theirs.includes('pg-boss'));
  for (const name of theirs) t.notOk(Object.hasOwn(ours, name), name);
  t.notMatch(readFileSync('bench/peers/package-lock.json', 'utf8'), /"resolved"/);
});
