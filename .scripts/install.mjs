/**
 * Is what package-lock.json names installed, and does its native code load? If not, `npm ci`.
 *
 * Nothing is remembered between runs: npm's own record of what it installed is compared with the lock file, and the one
 * package with native code that may have to be compiled is loaded. Both take milliseconds, and neither can be stale: a
 * new lock file, another Node version and an interrupted install are all noticed.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { PreparationError, root, step } from './step.mjs';

const require = createRequire(join(root, 'package.json'));

export async function install() {
  refuseOldNode();
  const missing = firstMissing();
  if (missing === null && nativeFault() === null) return;
  const note = 'once, about a minute; better-sqlite3 is compiled where no ready-made binary can be downloaded';
  await step(`installing packages (${note})`, async () => {
    if (missing !== null) await npm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund']);
    // Another Node version than the one it was built for, or an npm that was told to run no scripts.
    if (nativeFault() !== null) await npm(['rebuild', 'better-sqlite3', '--ignore-scripts=false']);
    const fault = nativeFault();
    if (fault !== null) throw new PreparationError(`better-sqlite3 is installed but does not load: ${fault}\n${toolsAdvice()}`);
  });
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const supported = (major === 20 && minor >= 15) || major === 22;
  if (supported) return;
  throw new PreparationError(
    `Node.js 20 (20.15 or newer) or 22 is needed, this is ${process.versions.node}. The HTTP server's binaries exist for these two.`,
  );
}

/** The first package of the lock file that is not installed in that version, or null. */
function firstMissing() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  if (wanted === null) throw new PreparationError('package-lock.json is missing: this is not a complete checkout');
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return 'everything';
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional packages of other platforms are never installed.
    if (found === undefined ? !optional : found.version !== version) return path;
  }
  return null;
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Why better-sqlite3 cannot be used by this Node, or null. */
function nativeFault() {
  try {
    const Database = require('better-sqlite3');
    new Database(':memory:').close();
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  }
}

/** npm's output is kept back, since a compile prints hundreds of lines, and shown when it fails. */
async function npm(args) {
  // Under `npm start` the same npm that runs us; else the one on PATH.
  const execPath = process.env.npm_execpath;
  const [file, prefix] = execPath?.endsWith('.js') ? [process.execPath, [execPath]] : ['npm', []];
  const child = spawn(file, [...prefix, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new PreparationError(`cannot run npm: ${error.message}`)));
    child.on('close', resolve);
  });
  if (code === 0) return;
  // The compiler's absence shows as a screenful of node-gyp; whoever lacks it needs only the name of it.
  if (missingTools().length > 0 && /gyp|better-sqlite3/.test(output)) throw new PreparationError(toolsAdvice());
  throw new PreparationError(`npm ${args.join(' ')} failed (exit code ${code}):\n${output}`);
}

function missingTools() {
  const missing = [];
  if (!onPath(['python3', 'python'])) missing.push('python3');
  if (!onPath(['make', 'gmake'])) missing.push('make');
  if (!onPath(['g++', 'c++', 'clang++'])) missing.push('g++ (a C++ compiler)');
  return missing;
}

function onPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.some((name) => folders.some((folder) => isExecutable(join(folder, name))));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not ours to run: both mean that the search goes on.
  }
}

function toolsAdvice() {
  const missing = missingTools();
  if (missing.length === 0) return 'python3, make and a C++ compiler are there; see the lines above for what else is wrong.';
  return [
    `better-sqlite3 has to be compiled here, but there is no ${missing.join(', no ')}. Install what is missing and repeat:`,
    '  Debian, Ubuntu   sudo apt-get install -y python3 make g++',
    '  Fedora, RHEL     sudo dnf install -y python3 make gcc-c++',
    '  Alpine           apk add python3 make g++',
    '  macOS            xcode-select --install',
  ].join('\n');
}
