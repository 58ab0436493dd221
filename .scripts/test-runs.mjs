/**
 * Runs compiled test files in plain Node processes and adds up their TAP.
 *
 * Why not the runner that comes with tap: it starts every test through loaders for TypeScript, mocks and coverage, which
 * worker threads and child processes inherit. A file took 1 s instead of 0.2 s, and a crash test would not have been
 * about the program that ships. See docs/decisions/tests-run-as-plain-compiled-files.md.
 *
 * A file fails if one of its tests fails, it exits with another code than 0, says nothing, takes longer than its limit,
 * or leaves a process behind. Of files that share a process, the one at which it ended; those behind it were not reached.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { spawnThatGivesWay } from './give-way.mjs';
import { memoryFolder } from './memory-folder.mjs';
import { inSources } from './source-places.mjs';
import { root } from './step.mjs';
import { byProcess, isAlone, needsDisk, onlyComputes, sourceOf, startsCluster } from './test-files.mjs';
import { lookMs, TestTurns } from './test-turns.mjs';

const limitMs = 330_000;
/** Of what gives way: other work of the machine may take most of the cores for minutes. */
const limitMsGivingWay = 2 * limitMs;
/** As the server ships: as many threads of V8 as there are cores instead of four. Two of the checks by themselves took 10 to 20 % less CPU with it. */
export const nodeFlags = ['--v8-pool-size=0'];
/** What only computes makes much that is soon garbage: with room for it 32 s of CPU instead of 36, and 40 MB more; of import directions 5.6 instead of 6.3. */
export const computingFlags = ['--initial-heap-size=512', '--max-semi-space-size=32'];
const groupScript = join('.scripts', 'test-group.mjs');
/** As `test-group.mjs` says it: the file, and milliseconds since its process began. */
const beginsWith = /^# file (\S+) (\d+)$/gm;

/** Returns how many tests passed, failed and were skipped. `jobsMax`: files at once while the cores idle. `natsServer`: the program that those use that start one, unless each is to look for it. */
export async function runTestFiles(files, { jobs, jobsMax = jobs, verbose, natsServer = null }) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const running = new Set();
  const env = { ...process.env };
  if (natsServer !== null) env.TEST_NATS_SERVER = natsServer;
  // Node 20 reads the certificates of a whole system at each start, 45 ms of CPU in some 500 processes; no test asks anybody outside.
  delete env.NODE_EXTRA_CA_CERTS;
  const dir = memoryFolder();
  const stop = (signal) => {
    for (const child of running) killGroup(child.pid, 'SIGKILL');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  // Each file is the head of a process group, so Ctrl-C at a terminal does not reach it by itself.
  process.once('SIGINT', stop).once('SIGTERM', stop);

  const run = async (group) => {
    const onDisk = dir === null || group.some(needsDisk);
    for (const result of await runGroup(group, { running, env: onDisk ? env : { ...env, TMPDIR: dir } })) {
      print(result, verbose);
      sum.passed += result.passed;
      sum.failed += result.failed;
      sum.skipped += result.skipped;
    }
  };
  // One file at a time: none beside others.
  const fills = (file) => jobs > 1 && onlyComputes(file);
  const beside = files.filter((file) => !isAlone(file) && !fills(file));
  const clusters = byProcess(beside.filter(startsCluster));
  const others = byProcess(beside.filter((file) => !startsCluster(file)));
  const byTurns = runByTurns(new TestTurns({ clusters, others, jobs, jobsMax }), run);
  // A cluster waits for sessions to end, and harms nobody's milliseconds: it runs beside the row of the others.
  const alone = files.filter(isAlone);
  const inARow = async (row) => {
    for (const group of byProcess(row)) await run(group);
  };
  const rows = jobs === 1 ? [alone] : [alone.filter(startsCluster), alone.filter((file) => !startsCluster(file))];
  await Promise.all([
    byTurns.then(() => Promise.all(rows.map(inARow))),
    // They begin with the first and take what all of them leave of the cores. They end beside those that measure time, at whose rows more than half of the cores is left.
    ...byProcess(files.filter(fills)).map(run),
  ]);
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return sum;
}

/** Resolves when all have ended. */
async function runByTurns(turns, run) {
  let looking;
  await new Promise((resolve, reject) => {
    const begin = () => {
      for (let turn = turns.next(); turn !== null; turn = turns.next()) {
        const { kind, files } = turn;
        const ended = () => {
          turns.ended(kind);
          begin();
        };
        run(files).then(ended).catch(reject);
      }
      if (turns.isOver) resolve();
    };
    looking = setInterval(() => {
      turns.look();
      begin();
    }, lookMs);
    begin();
  }).finally(() => clearInterval(looking));
}

/** One process. Returns a result for each of its files. */
async function runGroup(files, { running, env }) {
  const startedAt = performance.now();
  const givesWay = files.every(onlyComputes);
  const endsWithinMs = givesWay ? limitMsGivingWay : limitMs;
  const script = files.length === 1 ? files : [groupScript, ...files];
  // tap's own limit lets a file say which test hangs, so it has to come before ours.
  const limits = { TAP_TIMEOUT: String(endsWithinMs / 1000 - 5) };
  const options = { cwd: root, env: { ...env, ...limits }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] };
  const child = givesWay
    ? spawnThatGivesWay(process.execPath, [...nodeFlags, ...computingFlags, ...script], options)
    : spawn(process.execPath, [...nodeFlags, ...script], options);
  running.add(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  /** What is wrong with the process. */
  let fault = null;
  const limit = setTimeout(() => {
    fault = `took longer than ${endsWithinMs / 1000} s`;
    killGroup(child.pid, 'SIGKILL');
  }, endsWithinMs);
  const closed = new Promise((resolve) => child.on('close', resolve));
  const { code, signal } = await new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  clearTimeout(limit);
  if (killGroup(child.pid, 'SIGKILL')) fault ??= 'left a process behind';
  await closed;
  running.delete(child);
  if (signal !== null) fault ??= `was ended by ${signal}`;
  if (code !== null && code !== 0 && countPoints(output).failed === 0) fault ??= `exit code ${code}`;
  return partsOf(output, { files, tookMs: performance.now() - startedAt }).map((part) => {
    const counts = countPoints(part.output);
    const points = counts.passed + counts.failed + counts.skipped;
    const faults = [];
    if (!part.isReached) faults.push('was not reached');
    else if (part.isLast && fault !== null) faults.push(fault);
    else if (points === 0) faults.push('has no tests');
    return { ...part, faults, points, ...counts, failed: counts.failed + faults.length };
  });
}

/** What each file of a process has said, and how long it took. `isLast`: at which the process ended. */
function partsOf(output, { files, tookMs }) {
  if (files.length === 1) return [{ file: files[0], output, tookMs, isReached: true, isLast: true }];
  const begun = [...output.matchAll(beginsWith)].map(([, file, ms], at, all) => {
    const { index } = all[at];
    const next = all[at + 1];
    const text = output.slice(at === 0 ? 0 : index, next?.index);
    return { file, output: text, tookMs: (next === undefined ? tookMs : Number(next[2])) - Number(ms) };
  });
  return files.map((file, at) => ({
    ...(begun[at] ?? { file, output: begun.length === 0 ? output : '', tookMs: 0 }),
    isReached: at < Math.max(1, begun.length),
    isLast: at === Math.max(0, begun.length - 1),
  }));
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

function print({ file, output, faults, points, tookMs, failed }, verbose) {
  const detail = [points === 1 ? '1 test' : `${points} tests`, `${(tookMs / 1000).toFixed(1)} s`, ...faults].join(', ');
  console.log(`${failed === 0 ? 'ok    ' : 'FAILED'} ${sourceOf(file)} (${detail})`);
  if (failed > 0 || verbose) console.log(inSources(output).replace(/^/gm, '    '));
}
