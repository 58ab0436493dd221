/**
 * Runs compiled test files, each in a plain Node process of its own, and adds up their TAP.
 *
 * Why not the runner that comes with tap: it starts every test through loaders for TypeScript, mocks and coverage, which
 * worker threads and child processes inherit. A file took 1 s instead of 0.2 s, and a crash test would not have been
 * about the program that ships. See docs/decisions/tests-run-as-plain-compiled-files.md.
 *
 * A file fails if one of its tests fails, it exits with another code than 0, says nothing, takes longer than its limit,
 * or leaves a process behind. Files named `*.alone.test.ts` measure time: they run last, one by one.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { inSources } from './source-places.mjs';
import { root, seconds } from './step.mjs';

const limitMs = 180_000;
const tests = join(root, 'build', 'test');
/** Where the long ones are, longest first: one that begins late would run on by itself when all others are done. */
const longFirst = ['crash', 'cluster', 'bench', 'simulation', 'contract', 'tooling', 'engine', 'gateway'];

/** Compiled test files, as paths from the root, long ones first. `patterns`: words of which the path of the source contains one; none: all. */
export function testFiles(patterns) {
  if (!existsSync(tests)) return [];
  const words = patterns.map((pattern) =>
    pattern
      .replace(/^\.\//, '')
      .replace(/^build\//, '')
      .replace(/\.js$/, '.ts'),
  );
  return readdirSync(tests, { recursive: true })
    .map((file) => relative(root, join(tests, file)).split(sep).join('/'))
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => words.length === 0 || words.some((word) => sourceOf(file).includes(word)))
    .sort()
    .sort((one, other) => rankOf(one) - rankOf(other));
}

function rankOf(file) {
  const rank = longFirst.indexOf(file.split('/')[2]);
  return rank < 0 ? longFirst.length : rank;
}

/** It says so by what it imports. */
export function needsNatsServer(file) {
  return readFileSync(join(root, file), 'utf8').includes('support/nats-server.js');
}

function sourceOf(file) {
  return file.replace(/^build\//, '').replace(/\.js$/, '.ts');
}

/** Returns how many tests passed, failed and were skipped. */
export async function runTestFiles(files, { jobs, verbose }) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const running = new Set();
  const stop = (signal) => {
    for (const child of running) killGroup(child.pid, 'SIGKILL');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  // Each file is the head of a process group, so Ctrl-C at a terminal does not reach it by itself.
  process.once('SIGINT', stop).once('SIGTERM', stop);

  const runAll = async (queue, lanes) => {
    const lane = async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        const result = await runFile(file, running);
        print(result, verbose);
        sum.passed += result.passed;
        sum.failed += result.failed;
        sum.skipped += result.skipped;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  const alone = (file) => file.endsWith('.alone.test.js');
  await runAll(
    files.filter((file) => !alone(file)),
    jobs,
  );
  await runAll(files.filter(alone), 1);
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return sum;
}

async function runFile(file, running) {
  const startedAt = performance.now();
  // tap's own limit lets a file say which test hangs, so it has to come before ours.
  const env = { ...process.env, TAP_TIMEOUT: String(limitMs / 1000 - 5) };
  const child = spawn(process.execPath, [file], {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const faults = [];
  const limit = setTimeout(() => {
    faults.push(`took longer than ${limitMs / 1000} s`);
    killGroup(child.pid, 'SIGKILL');
  }, limitMs);
  const closed = new Promise((resolve) => child.on('close', resolve));
  const { code, signal } = await new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  clearTimeout(limit);
  if (killGroup(child.pid, 'SIGKILL') && faults.length === 0) faults.push('left a process behind');
  await closed;
  running.delete(child);
  const counts = countPoints(output);
  if (signal !== null && faults.length === 0) faults.push(`was ended by ${signal}`);
  if (code !== null && code !== 0 && counts.failed === 0) faults.push(`exit code ${code}`);
  const points = counts.passed + counts.failed + counts.skipped;
  if (points === 0 && faults.length === 0) faults.push('has no tests');
  return { file, output, faults, points, took: seconds(startedAt), ...counts, failed: counts.failed + faults.length };
}

/** False if there is nobody left in the group. */
function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

/** The points of the outermost level: one for each `t.test` of a file. Inner assertions are not counted. */
function countPoints(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, not, directive] of output.matchAll(/^(not )?ok \d+\b.*?(# SKIP\b.*)?$/gm)) {
    if (directive !== undefined) counts.skipped++;
    else if (not !== undefined) counts.failed++;
    else counts.passed++;
  }
  return counts;
}

function print({ file, output, faults, points, took, failed }, verbose) {
  const detail = [points === 1 ? '1 test' : `${points} tests`, took, ...faults].join(', ');
  console.log(`${failed === 0 ? 'ok    ' : 'FAILED'} ${sourceOf(file)} (${detail})`);
  if (failed > 0 || verbose) console.log(inSources(output).replace(/^/gm, '    '));
}
