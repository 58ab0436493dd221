/**
 * TypeScript to `build/`, when a source has changed since the last time.
 *
 * What counts is the content of the sources, not their times: a checkout or a copy gives files new times. After a build
 * its outputs match the sources one to one, since a test or worker file whose source is gone would otherwise go on
 * running.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { bundle, bundleScripts, bundles } from './bundle.mjs';
import { bundleTap } from './bundle-tap.mjs';
import { PreparationError, root, step } from './step.mjs';

/** Where sources are, from the root. */
export const folders = ['engine', 'gateway', 'bench', 'test'];
const build = join(root, 'build');
const stamp = join(build, '.sources');
/** The compiler ends before it has garbage worth a collection: 7.3 s of CPU instead of 11.4, and 0.89 GB instead of 0.80. Where there is more after all, it collects. */
const compilerMemory = { GOGC: 'off', GOMEMLIMIT: '1GiB' };

export async function compile() {
  const sources = findSources();
  const fingerprint = fingerprintOf(sources);
  const outputs = [...sources.map(outputOf), ...bundles(sources).map((file) => join(root, file))];
  const complete = outputs.every((file) => existsSync(file));
  if (complete && readStamp() === fingerprint) return;
  await step('building', async () => {
    mkdirSync(build, { recursive: true });
    rmSync(stamp, { force: true });
    // The compiler believes its own record of what it has written, so an output that was removed has to clear it.
    if (!complete) rmSync(join(build, '.tsbuildinfo'), { force: true });
    removeOrphans(sources);
    const tsc = join(root, 'node_modules', 'typescript-native', 'bin', 'tsc');
    const args = [tsc, '-p', 'tsconfig.json', ...(process.stdout.isTTY ? ['--pretty'] : [])];
    // Not waited for synchronously: checks run beside it, and `step` says that it is alive.
    const env = { ...process.env, ...compilerMemory };
    const [status] = await once(
      spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] }),
      'exit',
    );
    if (status !== 0) throw new PreparationError('the sources do not compile: see the errors above');
    await bundle(sources);
    if (sources.some((source) => source.endsWith('.test.ts'))) await bundleTap();
    writeFileSync(stamp, fingerprint);
  });
}

/** Paths of all TypeScript sources from the root, sorted. */
function findSources() {
  return folders.flatMap((folder) => filesBelow(join(root, folder)).filter((file) => file.endsWith('.ts'))).sort();
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return (
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
      // `bench/peers` has packages of its own, and the compiler does not look at them either.
      .filter((file) => !file.split(sep).includes('node_modules'))
  );
}

function fingerprintOf(sources) {
  // What is kept of V8 is of one version.
  const hash = createHash('sha256').update(`${process.version}\0`);
  for (const file of ['package-lock.json', 'tsconfig.json', ...bundleScripts, ...sources]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function readStamp() {
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : null;
}

function outputOf(source) {
  return join(build, source.replace(/\.ts$/, '.js'));
}

function removeOrphans(sources) {
  const stems = new Set(sources.map((source) => source.replace(/\.ts$/, '')));
  for (const folder of folders) {
    for (const file of filesBelow(join(build, folder))) {
      const stem = relative('build', file).replace(/(\.c?js|\.c?js\.map|\.d\.ts)$/, '');
      if (!stems.has(stem)) rmSync(join(root, file));
    }
  }
}
