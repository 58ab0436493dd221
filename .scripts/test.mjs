/**
 * `npm test`: format and lint, import directions and the build (which is the type check) at once, and every test file as soon as it is built.
 *
 *   npm test                         everything
 *   npm test -- wheel status/hub     builds, then only the test files whose path contains one of the words
 *   npm test -- --verbose            also the output of what passed
 *   npm test -- --jobs 1             one file at a time (default: two for each core, at most 8, and as many more while the cores idle)
 *   npm run check                    all but the tests
 *
 * A failed check does not keep the tests from running, a failed build does. Some tests need a nats-server, which is fetched when there is none;
 * where it cannot be had they are skipped, and with CI=true that is a failure. The last line is the sum.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compile, folders } from './compile.mjs';
import { spawnThatGivesWay } from './give-way.mjs';
import { install } from './install.mjs';
import { fetchNatsServer } from './nats-server.mjs';
import { command, PreparationError, root, seconds } from './step.mjs';
import { needsNatsServer, testFiles } from './test-files.mjs';
import { computingFlags, nodeFlags, runTestFiles } from './test-runs.mjs';

const bin = (name, file) => join(root, 'node_modules', name, file);
const biome = [bin('@biomejs/biome', 'bin/biome'), 'check', '--config-path=.config', '--error-on-warnings'];
const depcruise = [bin('dependency-cruiser', 'bin/dependency-cruise.mjs'), '--config', '.config/dependency-cruiser.cjs'];

/** About half of their time files wait, for timers, kills and starts of processes: two for each core keep those busy, and when they do not, more begin. */
const jobsByDefault = Math.min(8, 2 * availableParallelism());

const passed = { passed: 1, failed: 0, skipped: 0 };
const failed = { passed: 0, failed: 1, skipped: 0 };
const none = { passed: 0, failed: 0, skipped: 0 };

await command(async () => {
  const options = readOptions(process.argv.slice(2));
  const startedAt = performance.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const add = ({ passed, failed, skipped }) => {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  };
  await install();
  const sources = folders.filter((folder) => existsSync(join(root, folder)));
  const checks =
    options.patterns.length === 0
      ? [check('format and lint', biome), check('import directions', [...depcruise, ...sources])]
      : [];
  const built = await buildAsCheck();
  add(built);
  if (built.failed === 0 && !options.checksOnly) {
    const files = testFiles(options.patterns);
    if (files.length === 0) throw new PreparationError(`there is no test file ${options.patterns.join(' or ')}`);
    const natsServer = files.some(needsNatsServer) ? await findNatsServerOnce() : { counts: none, path: null };
    add(natsServer.counts);
    add(await runTestFiles(files, { ...options, natsServer: natsServer.path }));
  }
  for (const counts of await Promise.all(checks)) add(counts);
  if (total.failed > 0) process.exitCode = 1;
  console.log(`\n${total.skipped > 0 ? `${total.skipped} skipped; ` : ''}took ${seconds(startedAt)}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
});

function readOptions(args) {
  const options = {
    patterns: [],
    verbose: false,
    checksOnly: false,
    jobs: jobsByDefault,
    jobsMax: 2 * jobsByDefault,
  };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === '--verbose') options.verbose = true;
    else if (arg === '--checks-only') options.checksOnly = true;
    else if (arg === '--jobs') {
      options.jobs = Math.max(1, Number.parseInt(args[++at] ?? '', 10) || 1);
      options.jobsMax = options.jobs;
    } else if (arg.startsWith('-'))
      throw new PreparationError(`unknown option ${arg}: there are --verbose, --jobs N, --checks-only`);
    else options.patterns.push(arg);
  }
  return options;
}

/** Each check counts as one test. Its output is shown when it fails. Nobody waits for it but the end: the build and the tests come first. */
async function check(title, args) {
  const startedAt = performance.now();
  const child = spawnThatGivesWay(process.execPath, [...nodeFlags, ...computingFlags, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = () => child.kill();
  process.once('exit', stop);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  process.off('exit', stop);
  report({ ok: code === 0, title, startedAt, output });
  return code === 0 ? passed : failed;
}

/** Its absence is not a test by itself, but without one in CI a part of what is promised goes untested. */
async function findNatsServerOnce() {
  try {
    return { counts: none, path: await fetchNatsServer() };
  } catch (error) {
    if (!(error instanceof PreparationError)) throw error;
    console.log(error.message);
    if (process.env.CI === 'true') return { counts: failed, path: null };
    console.log('The tests that need one are skipped.');
    return { counts: none, path: null };
  }
}

async function buildAsCheck() {
  const startedAt = performance.now();
  try {
    await compile();
  } catch (error) {
    if (!(error instanceof PreparationError)) throw error;
    report({ ok: false, title: 'build and types', startedAt, output: error.message });
    return failed;
  }
  report({ ok: true, title: 'build and types', startedAt, output: '' });
  return passed;
}

function report({ ok, title, startedAt, output }) {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title} (${seconds(startedAt)})`);
  if (!ok && output !== '') console.log(output);
}
