/** What a start loads: each package that is not needed costs every start its share, so what came in once by accident is noticed here. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { shippedFlags } from '../support/server.js';

const threads = ['actor/host', 'dispatch/courier', 'log/reader', 'log/writer', 'cluster/replica'] as const;
const program = 'gateway/main';
/** What is in one file with all that it needs, by its place in `build/`. */
const bundles = [program, ...threads.map((thread) => `engine/${thread}-thread`)];
/** Packages that are loaded when they are asked for. */
const groups = ['nats', 'forms', 'breaker', 'tasks'].map((group) => `engine/shared/${group}`);

const inBuild = (place: string): URL => new URL(`../../${place}`, import.meta.url);

/** Packages of which whoever begins with this module has loaded files, and those that are part of other bundles that it has loaded. */
function packagesOf(module: string): readonly string[] {
  const look = `import { createRequire } from 'node:module';
    await import(${JSON.stringify(inBuild(module).href)});
    console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'));`;
  const files = execFileSync(process.execPath, ['--input-type=module', '-e', look], { encoding: 'utf8' }).trim().split('\n');
  const names = files
    .map((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
    .filter((name) => name !== undefined);
  const loaded = groups.filter((group) => files.includes(fileURLToPath(inBuild(`${group}.cjs`))));
  return [...new Set([...names, ...loaded.flatMap(packagesIn)])];
}

/** Packages that are part of a bundle. */
function packagesIn(bundle: string): readonly string[] {
  const code = readFileSync(inBuild(`${bundle}.code.cjs`), 'utf8');
  return [...new Set(Array.from(code.matchAll(/^\s*\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm), ([, name]) => name!))];
}

t.test(
  'a node alone loads no client of NATS or OpenTelemetry, nothing that checks forms and no breaker before it listens',
  async (t) => {
    const packages = [...packagesIn(program), ...packagesOf('gateway/main.js')];
    t.ok(packages.includes('prom-client') && packages.includes('pino'), 'it is seen what is loaded');
    t.same(
      packages.filter((name) => /nats|opentelemetry|typebox|cockatiel/.test(name)),
      [],
    );
    const later = groups.flatMap(packagesIn);
    t.ok(later.includes('@nats-io/jetstream') && later.includes('@sinclair/typebox'), 'they are loaded later');
  },
);

t.test('the program loads none of the clients and servers that Node has for HTTP', async (t) => {
  const look = `await import(${JSON.stringify(inBuild('gateway/main.js').href)}); console.log(process.moduleLoadList.join('\\n'));`;
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', look], { encoding: 'utf8' }).split('\n');
  t.ok(loaded.includes('NativeModule net'), 'it is seen what is loaded');
  t.same(
    loaded.filter((name) => /^NativeModule (?:_?http|https|tls|_tls)/.test(name)),
    [],
  );
});

t.test('nor does the thread that delivers, before it is told of NATS', async (t) => {
  const packages = [...packagesIn('engine/dispatch/courier-thread'), ...packagesOf('engine/dispatch/courier-thread.cjs')];
  t.ok(packages.includes('undici'));
  t.same(
    packages.filter((name) => /nats|pino|prom-client|better-sqlite3|typebox/.test(name)),
    [],
  );
});

t.test('a host loads what packs its messages and measures them, and nothing that touches a disk or a socket', async (t) => {
  const packages = [...packagesIn('engine/actor/host-thread'), ...packagesOf('engine/actor/host-thread.cjs')];
  t.ok(packages.includes('msgpackr'));
  t.same(
    packages.filter((name) => /nats|pino|prom-client|better-sqlite3|undici|typebox|uws/.test(name)),
    [],
  );
});

t.test('program and threads begin with one file', async (t) => {
  const parts = /^(?! *(?:\*|\/\/)).*(?:\brequire\(["']\.|\bimport\()|^(?:import|export) .*["']\./m;
  const hasParts = (file: string): boolean => parts.test(readFileSync(inBuild(file), 'utf8'));
  for (const bundle of bundles) t.notOk(hasParts(`${bundle}.code.cjs`), bundle);
  t.ok(hasParts('engine/actor/host.js'), 'other modules have theirs beside them');
});

t.test('what V8 made of the program, of each thread and of packages is taken at a start', async (t) => {
  const look = `const vm = require('node:vm');
    const { Script } = vm;
    vm.Script = class extends Script {
      constructor(source, options) {
        super(source, options);
        console.log(options.cachedData.length > 0 && !this.cachedDataRejected);
      }
    };
    const { load } = require(process.argv[1]);
    for (const file of process.argv.slice(2)) load(file);`;
  const all = [...bundles, ...groups];
  const files = ['engine/load-code.cjs', ...all.map((bundle) => `${bundle}.cjs`)].map((file) => fileURLToPath(inBuild(file)));
  const said = execFileSync(process.execPath, [...shippedFlags, '-e', look, ...files], { encoding: 'utf8' });
  t.match(said, new RegExp(`^(true\n){${all.length},}$`));
});
