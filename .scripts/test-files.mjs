/** Which test files there are, in which order they run, and which of them share a process. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './step.mjs';

const tests = join(root, 'build', 'test');
/** Where the long ones are, longest first: one that begins late would run on by itself when all others are done. */
const longFirst = ['crash', 'cluster', 'bench', 'simulation', 'contract', 'tooling', 'engine', 'gateway'];

/**
 * Folders whose tests call functions and classes, with a thread, a socket or a file here and there, and close what they open: they leave
 * nothing to each other. A process and its tap take 0.4 s of a core, more than most of these files need, so several share one.
 */
const sharesProcess =
  /^build\/test\/(actor|dispatch|event|kernel|log|observe|partition|router|status|wheel|gateway\/(?!command)[^/]+)\/|gateway\/(?!main)[^/]+$/;
/** Likewise, in folders where others start servers and engines. */
const sharesProcessByName =
  /^build\/test\/(command-line|config|settings|bench\/(benches|results)|tooling\/(docs|load-code|test-turns|memory-folder)|crash\/(tenures|verdict)|engine\/(background-tasks|crew-couriers|destination-desk|health-board))[.]/;
/** Each of them runs the whole engine in its own time, thread and disk: what V8 has compiled for one is most of what the next one needs, 20 % of the CPU of all of them. */
const simulates = /^build\/test\/(scenario|simulation)\//;
/** Functions of values and files: no thread, no timer, no time that counts. */
const computes = /^build\/test\/(event\/|partition\/(?!key-table)|gateway\/input\/|log\/(?!threads)|wheel\/(?!wheel-boundary))/;
/** There some files do the same, and others start servers. */
const mayShareProcess = /^build\/test\/(cluster|deploy|nats)\//;
/** Their tests start whole engines in their own process, and stop them: its threads and modules are warm for the next file. */
const startsEngines = /^build\/test\/(engine|upkeep)\//;
/** Likewise with nats-servers. */
const startsNats = /^build\/test\/(cluster|contract|nats)\//;
/** Their tests start servers as processes of their own; what is warm here is the client. A torture of a cluster takes a minute. */
const startsServers = /^build\/test\/(crash\/(?!cluster)|contract\/|gateway\/(command\/|main[.]))/;
/** By what they share. More would save little, end together when one of them ends the process, and take longer than a process may: those that wait for others take ten seconds and more each. */
const filesPerProcess = {
  functions: 32,
  computing: 32,
  simulations: 8,
  engines: 4,
  servers: 5,
  nats: 3,
  server: 5,
  cluster: 8,
  sixOwners: 2,
};

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

/** They measure time: they run last, one by one. */
export function isAlone(file) {
  return file.endsWith('.alone.test.js');
}

/** They compute, some in a time of their own, ask no other process, and are as right however long they take: they take what the others leave of the cores. */
export function onlyComputes(file) {
  return simulates.test(file) || computes.test(file);
}

/** Where a process is killed, a commit takes as long as on a disk, and the kill may come in the middle of it; and what is measured is measured with one. */
export function needsDisk(file) {
  return isAlone(file) || (file.startsWith('build/test/crash/') && !sharesProcessByName.test(file));
}

/** They start nodes, gateways and servers of NATS: five processes and more, which wait most of the time for a session to end. */
export function startsCluster(file) {
  return !sharesProcessByName.test(file) && clusterStarters.some((module) => imports(file, module));
}

const clusterStarters = [
  'support/cluster.js',
  'support/shared-cluster.js',
  '/six-owners.js',
  'bench/lib/find.js',
  '.scripts/cluster.mjs',
];

/** `files` in the same order, those that share a process together. */
export function byProcess(files) {
  const groups = [];
  const open = new Map();
  for (const file of files) {
    const what = sharedBy(file);
    const group = open.get(what);
    if (what !== null && group !== undefined && group.length < filesPerProcess[what]) group.push(file);
    else {
      groups.push([file]);
      open.set(what, groups.at(-1));
    }
  }
  return groups;
}

/** What it shares with other files, as in `filesPerProcess`; null: nothing. */
function sharedBy(file) {
  if (isAlone(file)) return null;
  // How much of the heap grows old depends on what else is in it: 0.7 MB by itself, from 3 to 47 behind other files.
  if (imports(file, 'support/old-generation.js')) return null;
  if (imports(file, 'support/shared-server.js')) return 'server';
  if (imports(file, 'support/shared-cluster.js')) return 'cluster';
  if (imports(file, '/six-owners.js')) return 'sixOwners';
  if (computes.test(file)) return 'computing';
  if (sharesProcess.test(file) || sharesProcessByName.test(file)) return 'functions';
  if (simulates.test(file)) return 'simulations';
  if (startsEngines.test(file)) return 'engines';
  if (startsCluster(file)) return null;
  if (needsNatsServer(file) && startsNats.test(file)) return 'nats';
  if (startsServers.test(file)) return 'servers';
  if (needsNatsServer(file)) return null;
  return mayShareProcess.test(file) ? 'functions' : null;
}

export function needsNatsServer(file) {
  return imports(file, 'support/nats-server.js');
}

function imports(file, module) {
  return readFileSync(join(root, file), 'utf8').includes(module);
}

export function sourceOf(file) {
  return file.replace(/^build\//, '').replace(/\.js$/, '.ts');
}

function rankOf(file) {
  const rank = longFirst.indexOf(file.split('/')[2]);
  return rank < 0 ? longFirst.length : rank;
}
