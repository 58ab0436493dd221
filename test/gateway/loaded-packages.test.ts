/** What a start loads: each package that is not needed costs every start its share, so what came in once by accident is noticed here. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { shippedFlags } from '../support/server.js';

const threads = ['actor/host', 'dispatch/courier', 'log/reader', 'log/writer', 'cluster/replica'] as const;

/** Packages of which a thread that begins with this module has loaded files. */
function packagesOf(module: string): readonly string[] {
  const url = new URL(`../../${module}`, import.meta.url).href;
  const look = `import { createRequire } from 'node:module';
    await import(${JSON.stringify(url)});
    console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'));`;
  const files = execFileSync(process.execPath, ['--input-type=module', '-e', look], { encoding: 'utf8' }).trim().split('\n');
  const names = files.map((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined);
}

/** Packages that are part of a bundle. */
function packagesIn(bundle: string): readonly string[] {
  const code = readFileSync(new URL(`../../engine/${bundle}.code.cjs`, import.meta.url), 'utf8');
  return [...new Set(Array.from(code.matchAll(/^\s*\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm), ([, name]) => name!))];
}

t.test(
  'a node alone loads no client of NATS or OpenTelemetry, nothing that checks forms and no breaker before it listens',
  async (t) => {
    const packages = [...packagesIn('shared/packages'), ...packagesOf('gateway/main.js')];
    t.ok(packages.includes('prom-client') && packages.includes('pino'), 'it is seen what is loaded');
    t.same(
      packages.filter((name) => /nats|opentelemetry|typebox|cockatiel/.test(name)),
      [],
    );
  },
);

t.test('nor does the thread that delivers, before it is told of NATS', async (t) => {
  const packages = [...packagesIn('dispatch/courier-thread'), ...packagesOf('engine/dispatch/courier-thread.cjs')];
  t.ok(packages.includes('undici'));
  t.same(
    packages.filter((name) => /nats|pino|prom-client|better-sqlite3|typebox/.test(name)),
    [],
  );
});

t.test('a host loads what packs its messages and measures them, and nothing that touches a disk or a socket', async (t) => {
  const packages = [...packagesIn('actor/host-thread'), ...packagesOf('engine/actor/host-thread.cjs')];
  t.ok(packages.includes('msgpackr'));
  t.same(
    packages.filter((name) => /nats|pino|prom-client|better-sqlite3|undici|typebox|uws/.test(name)),
    [],
  );
});

/** Files of ours that are loaded with this one before anything runs. */
function filesOf(file: URL, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file.href)) return found;
  found.add(file.href);
  for (const [, place] of readFileSync(file, 'utf8').matchAll(/^(?:import|export|\}) ?(?:.* from )?["'](\..*)["'];$/gm)) {
    filesOf(new URL(place!, file), found);
  }
  return found;
}

t.test('a thread begins with one file and the program with few, others have one for each module', async (t) => {
  const few = 20;
  const filesBelow = (place: string): number => filesOf(new URL(`../../${place}`, import.meta.url)).size;
  for (const thread of threads) {
    const text = readFileSync(new URL(`../../engine/${thread}-thread.code.cjs`, import.meta.url), 'utf8');
    t.notMatch(text, /\b(?:require|import)\(["']\./, thread);
  }
  t.ok(filesBelow('gateway/main.js') < few);
  t.ok(filesBelow('engine/actor/host.js') > few, 'they are counted');
});

t.test('what V8 made of the code of each thread and of packages is taken at a start', async (t) => {
  const look = `const vm = require('node:vm');
    const { Script } = vm;
    vm.Script = class extends Script {
      constructor(source, options) {
        super(source, options);
        console.log(options.cachedData.length > 0 && !this.cachedDataRejected);
      }
    };
    for (const file of process.argv.slice(1)) require(file);`;
  const bundles = [...threads.map((thread) => `${thread}-thread`), 'shared/packages'];
  const files = bundles.map((bundle) => fileURLToPath(new URL(`../../engine/${bundle}.cjs`, import.meta.url)));
  const said = execFileSync(process.execPath, [...shippedFlags, '-e', look, ...files], { encoding: 'utf8' });
  t.equal(said, 'true\n'.repeat(bundles.length));
});
