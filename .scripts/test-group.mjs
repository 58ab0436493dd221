/**
 * Runs compiled test files one after the other in this process: `node .scripts/test-group.mjs FILE...`
 *
 * Says at which file it is, in lines that `test-runs.mjs` reads. Each file begins when all tests of the one before have ended and what they
 * said has left this process.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './step.mjs';

const files = process.argv.slice(2);
// tap names the folders of `t.testdir()` after the command line, and other groups run beside this one.
process.argv = [process.argv[0], files[0]];
// The same as what the tests import.
const { default: t } = await import(pathToFileURL(join(root, 'build', 'node_modules', 'tap', 'index.js')).href);
const limitMs = 1_000 * Number(process.env.TAP_TIMEOUT ?? 0);

for (const file of files) {
  // Not as a comment of tap's: it keeps those until something follows, and the file may end the process.
  console.log(`# file ${file} ${Math.round(performance.now())}`);
  // A file may have set another limit for its own tests.
  if (limitMs > 0) t.setTimeout(Math.max(1, limitMs - performance.now()));
  // tap waits for it: with nothing to do it would end behind the first file that has a teardown.
  const loaded = load(file);
  t.waitOn(loaded);
  await loaded;
  if (!t.idle) await once(t, 'idle');
  await allIsOut();
}

/** While a reader is slow, tap keeps what standard output has no room for, and the line that names the next file would overtake it. */
async function allIsOut() {
  do await new Promise((resolve) => process.stdout.write('', resolve));
  while (t.bufferLength > 0);
}

async function load(file) {
  try {
    await import(pathToFileURL(join(root, file)).href);
  } catch (error) {
    t.fail(`it ends before its tests: ${error.stack ?? error}`);
  }
}
