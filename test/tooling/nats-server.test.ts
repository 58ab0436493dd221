/** Which nats-server is used, and what is said when there is none. The fetch itself is what `npm test` begins with on a fresh machine. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';
import { temporaryDir } from '../support/server.js';

function setup(t: Test) {
  const dir = temporaryDir(t);
  /** A program that says that it is this version. */
  const server = (file: string, version: string): string => {
    const path = join(dir, file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const find = (env: Readonly<Record<string, string>>) => {
    const { ESCAPEMENT_NATS_SERVER: _, ...rest } = process.env;
    const child = spawnSync(process.execPath, ['.scripts/nats-server.mjs'], {
      encoding: 'utf8',
      env: { ...rest, PATH: '/nowhere', XDG_CACHE_HOME: join(dir, 'cache'), ...env },
    });
    return { code: child.status, output: (child.stdout + child.stderr).trim() };
  };
  return { dir, server, find };
}

t.test('the one that is named is used, else the one on PATH, else the one in the cache', async (t) => {
  const { dir, server, find } = setup(t);
  const inCache = server('cache/escapement/nats-server', '2.15.1');
  t.same(find({}), { code: 0, output: inCache });
  const onPath = server('bin/nats-server', '2.12.0');
  const PATH = [join(dir, 'empty'), join(dir, 'bin')].join(delimiter);
  t.same(find({ PATH }), { code: 0, output: onPath });
  const named = server('named', '3.0.0');
  t.same(find({ PATH, ESCAPEMENT_NATS_SERVER: named }), { code: 0, output: named });
});

t.test('one before 2.12 is passed over, and named with what to do when there is no other', async (t) => {
  const { dir, server, find } = setup(t);
  const old = server('bin/nats-server', '2.11.9');
  const PATH = join(dir, 'bin');
  t.match(find({ PATH }), { code: 1, output: /v2\.11\.9, and 2\.12 or newer is needed[\s\S]*ESCAPEMENT_NATS_SERVER/ });
  const inCache = server('cache/escapement/nats-server', '2.12.1');
  t.same(find({ PATH }), { code: 0, output: inCache });
  t.match(find({ ESCAPEMENT_NATS_SERVER: old }), { code: 1, output: /v2\.11\.9/ }, 'and nothing else counts than what was named');
});

t.test('a program that is none is refused', async (t) => {
  const { find } = setup(t);
  t.match(find({ ESCAPEMENT_NATS_SERVER: '/bin/true' }), { code: 1, output: /\/bin\/true does not run/ });
  t.match(find({ ESCAPEMENT_NATS_SERVER: '/no/such/file' }), { code: 1, output: /\/no\/such\/file does not run/ });
});
