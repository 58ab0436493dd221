/**
 * tap in one file, at `build/node_modules/tap`, where Node looks first for what compiled tests import.
 *
 * Why: tap is 260 files, which take 0.18 s of CPU to load in each process of a test run; as one it takes 0.05 s. And in this one is no async hook.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './step.mjs';

const entry = '.scripts/tap-entry.mjs';
const place = join(root, 'build', 'node_modules', 'tap');
/** By which tap hears of what nobody catches; `tap-entry.mjs` does it without. */
const hooks = { filter: /^async-hook-domain$/, instead: 'export class Domain { destroy() {} }' };
/** For its packages that are CommonJS. */
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Unless it is there already, made from the same. */
export async function bundleTap() {
  const from = fingerprint();
  const description = join(place, 'package.json');
  if (existsSync(description) && JSON.parse(readFileSync(description, 'utf8')).from === from) return;
  // Only here: where nothing is to be built, nothing of it is loaded.
  const { build, stop } = await import('esbuild');
  mkdirSync(place, { recursive: true });
  await build({
    absWorkingDir: root,
    stdin: { contents: `export { t as default } from './${entry}';`, resolveDir: root },
    outfile: join(place, 'index.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    banner: { js: banner },
    logLevel: 'error',
    plugins: [{ name: 'no hooks', setup: withoutHooks }],
  });
  await stop();
  writeFileSync(description, `${JSON.stringify({ name: 'tap', type: 'module', exports: './index.js', from })}\n`);
}

function fingerprint() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', '.scripts/bundle-tap.mjs', entry])
    hash.update(readFileSync(join(root, file))).update('\0');
  return hash.digest('hex');
}

function withoutHooks(build) {
  const namespace = 'no-hooks';
  build.onResolve({ filter: hooks.filter }, ({ path }) => ({ path, namespace }));
  build.onLoad({ filter: /.*/, namespace }, () => ({ contents: hooks.instead }));
}
