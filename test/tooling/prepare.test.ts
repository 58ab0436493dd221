/** The scripts behind `npm start` and `npm test`, on a small project of their own. Started from the root of the project. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../support/deadline.js';
import { temporaryDir } from '../support/server.js';

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

interface Project {
  readonly installed?: boolean;
  /** Its sources use nothing of Node's: reading what Node has takes the compiler longer than all else. */
  readonly isPlain?: boolean;
}

function setup(t: Test, { installed = true, isPlain = false }: Project = {}) {
  const dir = temporaryDir(t);
  for (const name of ['.scripts', 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(name, join(dir, name), { recursive: true });
  if (installed) symlinkSync(join(process.cwd(), 'node_modules'), join(dir, 'node_modules'));
  const write = (file: string, text: string): void => {
    mkdirSync(join(dir, file, '..'), { recursive: true });
    writeFileSync(join(dir, file), text);
  };
  write('engine/one.ts', 'export const one = 1;\n');
  if (isPlain) write('tsconfig.json', readFileSync('tsconfig.json', 'utf8').replace('"types": ["node"]', '"types": []'));
  const run = (script: string, { args = [], env = {} }: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {}): Outcome => {
    const { npm_execpath: _, ...rest } = process.env;
    const child = spawnSync(process.execPath, [join('.scripts', script), ...args], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...rest, ...env },
    });
    return { code: child.status, output: child.stdout + child.stderr };
  };
  return { dir, write, run, built: (file: string) => existsSync(join(dir, 'build', file)) };
}

t.test('a build', async (t) => {
  // One project for all of them, each with the sources as the one before left them: the compiler takes a second and more each time.
  const { write, run, built, dir } = setup(t, { isPlain: true });
  write('bench/peers/node_modules/peer/index.ts', "export const peer: number = 'not ours';\n");
  write('test/old.test.ts', 'export {};\n');

  await t.test('it builds what has changed, and nothing otherwise', async (t) => {
    t.match(run('build.mjs'), { code: 0, output: /building/ });
    t.ok(built('engine/one.js') && built('test/old.test.js'));
    t.same(run('build.mjs'), { code: 0, output: '' });

    write('engine/one.ts', 'export const one = 10;\n');
    t.match(run('build.mjs'), { code: 0, output: /building/ });
    t.match(readFileSync(join(dir, 'build/engine/one.js'), 'utf8'), /one = 10/);
  });

  await t.test('packages inside of a folder of sources are none of its sources', async (t) => {
    t.notOk(built('bench/peers/node_modules/peer/index.js'));
    t.same(run('build.mjs'), { code: 0, output: '' }, 'nothing is missed the next time');
  });

  await t.test('an output whose source is gone is removed, one that was removed is made again', async (t) => {
    rmSync(join(dir, 'test/old.test.ts'));
    rmSync(join(dir, 'build/engine/one.js'));
    t.equal(run('build.mjs').code, 0);
    t.notOk(built('test/old.test.js') || built('test/old.test.d.ts') || built('test/old.test.js.map'));
    t.ok(built('engine/one.js'));
  });

  await t.test('sources that do not compile are not run, and are compiled again the next time', async (t) => {
    write('engine/one.ts', "export const one: number = 'one';\n");
    for (const _ of [1, 2]) t.match(run('build.mjs'), { code: 1, output: /engine\/one\.ts.*TS2322[\s\S]*do not compile/ });
  });
});

t.test('test files are counted, and every way to fail is one', async (t) => {
  const { write, run, dir } = setup(t);
  const tests = {
    'test/two.test.ts': "import t from 'tap';\nimport { one } from '../engine/one.js';\nt.equal(one + 1, 2);\n",
    'test/fails.test.ts':
      "import t from 'tap';\nt.test('a', async (t) => t.equal(Number('1'), 2));\nt.test('b', async (t) => t.ok(1));\n",
    'test/skips.test.ts': "import t from 'tap';\nt.test('a', { skip: true }, async () => undefined);\nt.ok(1);\n",
    'test/throws.test.ts': `import t from 'tap';
const wait = () => new Promise((resolve) => setTimeout(resolve, 50));
t.test('outer', async (t) => {
  await t.test('a', async () => { setImmediate(() => { throw new Error('thrown'); }); await wait(); });
  await t.test('b', async () => { void Promise.reject(new Error('rejected')); await wait(); });
  await t.test('c', async (t) => t.ok(1));
});
t.test('next', async (t) => t.ok(1));\n`,
    'test/ends.test.ts': "import t from 'tap';\nt.ok(1);\nprocess.kill(process.pid, 'SIGKILL');\n",
    'test/empty.test.ts': 'export {};\n',
    'test/leaves.test.ts':
      "import { spawn } from 'node:child_process';\nimport t from 'tap';\nt.ok(1);\nspawn('sleep', ['60'], { stdio: 'ignore' }).unref();\n",
  };
  // Of a folder whose files share a process.
  const together = {
    'test/kernel/a.test.ts': "import t from 'tap';\nt.test('a', async (t) => t.ok(1));\nt.test('b', async (t) => t.ok(1));\n",
    'test/kernel/b.test.ts': "import t from 'tap';\nt.test('a', async (t) => t.ok(0));\n",
    'test/kernel/c.test.ts': "import t from 'tap';\nt.ok(1);\nthrow new Error('no more');\n",
    'test/kernel/d.test.ts': 'export {};\n',
    'test/kernel/e.test.ts': "import t from 'tap';\nt.ok(1);\nprocess.kill(process.pid, 'SIGKILL');\n",
    'test/kernel/f.test.ts': "import t from 'tap';\nt.ok(1);\n",
  };
  for (const [file, text] of Object.entries({ ...tests, ...together })) write(file, text);
  // None of those that are found: for the last part.
  write(
    'bench/long.test.ts',
    `import { writeFileSync } from 'node:fs';\nimport t from 'tap';
t.test('long', async (t) => {
  for (let at = 0; at < 5_000; at++) t.ok(1, 'a line which is one of many that do not fit into a pipe');
  setTimeout(() => writeFileSync('ended', ''), 100);
});\n`,
  );
  write('bench/next.test.ts', "import t from 'tap';\nt.ok(1, 'of the next');\n");
  const { code, output } = run('test.mjs', { args: ['test/'] });
  t.equal(code, 1);
  t.match(output, /ok {4} test\/two\.test\.ts \(1 test,/);
  t.match(output, /FAILED test\/fails\.test\.ts \(2 tests,/);
  t.match(output, /test\/fails\.test\.ts:2:\d+/, 'where in the source, not in what was compiled');
  t.match(output, /fileName: test\/fails\.test\.ts\s+lineNumber: 2\b/);
  t.match(output, /ok {4} test\/skips\.test\.ts/);
  t.match(output, /FAILED test\/throws\.test\.ts \(2 tests,/);
  for (const [name, what] of [
    ['a', 'thrown'],
    ['b', 'rejected'],
  ]) // In which test something is thrown that nobody catches.
    t.match(
      output,
      new RegExp(
        `# Subtest: ${name}\\s+not ok 1 - ${what}[\\s\\S]*?throws\\.test\\.ts:\\d[\\s\\S]*?\\n\\s+not ok \\d - ${name} `,
      ),
    );
  t.match(output, /not ok 1 - outer [\s\S]*\n\s+ok 2 - next /);
  t.match(output, /FAILED test\/ends\.test\.ts .*was ended by SIGKILL/);
  t.match(output, /FAILED test\/empty\.test\.ts .*has no tests/);
  t.match(output, /FAILED test\/leaves\.test\.ts .*left a process behind/);
  t.match(output, /1 skipped; took/);
  t.match(output, /ok {4} test\/kernel\/a\.test\.ts \(2 tests, [\d.]+ s\)/);
  t.match(output, /FAILED test\/kernel\/b\.test\.ts \(1 test, [\d.]+ s\)/);
  t.match(output, /fileName: test\/kernel\/b\.test\.ts/, 'of several in one process, too');
  t.match(output, /FAILED test\/kernel\/c\.test\.ts \(2 tests,[\s\S]*it ends before its tests: Error: no more/);
  t.match(output, /FAILED test\/kernel\/d\.test\.ts .*has no tests/);
  t.match(output, /FAILED test\/kernel\/e\.test\.ts .*was ended by SIGKILL/);
  t.match(output, /FAILED test\/kernel\/f\.test\.ts .*was not reached/);
  t.match(output, /\n10 passed, 10 failed\n$/, 'the build counts as one that passed, as does what a file shows before it ends');

  t.match(run('test.mjs', { args: ['two'] }), { code: 0, output: /\n2 passed, 0 failed\n$/ });
  t.match(run('test.mjs', { args: ['nosuch'] }), { code: 1, output: /there is no test file nosuch/ });

  await t.test('what a test file says stands before the next one begins, however slowly it is read', async (t) => {
    const files = ['build/bench/long.test.js', 'build/bench/next.test.js'];
    const child = spawn(process.execPath, [join('.scripts', 'test-group.mjs'), ...files], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    await until('the long file has ended', () => existsSync(join(dir, 'ended')), 60_000);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    const [code] = await once(child, 'close');
    t.equal(code, 0);
    const [, long, next] = output.split(/^# file .*$/m);
    t.match(long, /^ok 1 - long/m, 'the sum of the long one');
    t.equal(long?.match(/one of many/g)?.length, 5_000);
    t.match(next, /^ok 2 - of the next/m);
  });
});

t.test('a missing compiler is named instead of what node-gyp prints', async (t) => {
  const { dir, run } = setup(t, { installed: false });
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npm'), '#!/bin/sh\necho "gyp ERR! stack Error: not found: make" >&2\nexit 1\n');
  chmodSync(join(bin, 'npm'), 0o755);
  const { code, output } = run('build.mjs', { env: { PATH: bin } });
  t.equal(code, 1);
  t.match(output, /installing packages/);
  t.match(output, /better-sqlite3 has to be compiled here, but there is no python3, no make, no g\+\+ \(a C\+\+ compiler\)/);
  t.match(output, /apt-get install -y python3 make g\+\+/);
  t.notMatch(output, /gyp ERR/);

  // With the tools in place, npm's own words are shown.
  for (const tool of ['python3', 'make', 'g++']) cpSync(join(bin, 'npm'), join(bin, tool));
  t.match(run('build.mjs', { env: { PATH: bin } }), { code: 1, output: /npm ci .*failed \(exit code 1\):\ngyp ERR/ });
});
