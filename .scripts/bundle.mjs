/**
 * The program, and what its threads begin with, each with the modules that it imports in a few files instead of up to 160: in `build/`, in the place of what the
 * compiler has written of the same name. All other modules stay as the compiler wrote them, for tests and for whoever imports the engine.
 *
 * Why: Node takes 0.4 ms of CPU for each module that it loads, in each thread, whatever is in it, which was a quarter of a start (docs/internals/performance-notes.md).
 * Packages are not looked into.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './step.mjs';

const program = 'gateway/main.ts';
/** How a thread's module is named where the thread is started. */
const threadModule = /new URL\('(\.[^']*-(?:thread|task)\.js)', import\.meta\.url\)/g;
/** Where code goes that several of them import. */
const shared = 'engine/shared';

/** `sources`: paths from the root. The compiler has been over them. */
export async function bundle(sources) {
  const entries = [...(sources.includes(program) ? [program] : []), ...threadModules(sources)];
  if (entries.length === 0) return;
  // Only here: where nothing is to be built, nothing of it is loaded.
  const { build, stop } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: 'build',
    outbase: '.',
    chunkNames: `${shared}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'error',
    plugins: [{ name: 'places', setup: (build) => build.onLoad({ filter: /\.ts$/ }, ({ path }) => inPlace(path, entries)) }],
  });
  // The process that does it would live as long as this one, which goes on to be the server.
  await stop();
}

function threadModules(sources) {
  const found = sources
    .filter((source) => source.startsWith('engine/'))
    .flatMap((source) => {
      const text = readFileSync(join(root, source), 'utf8');
      return [...text.matchAll(threadModule)].map(([, module]) => join(source, '..', module).replace(/\.js$/, '.ts'));
    });
  return [...new Set(found)].filter((source) => existsSync(join(root, source))).sort();
}

/** A module that names files beside itself goes on doing so from wherever its code has come to. */
function inPlace(path, entries) {
  const source = relative(root, path).split(sep).join('/');
  const contents = readFileSync(path, 'utf8');
  if (entries.includes(source)) return { contents, loader: 'ts' };
  const place = JSON.stringify(source.replace(/\.ts$/, '.js'));
  const url = `(import.meta.url.slice(0, import.meta.url.lastIndexOf('/build/') + 7) + ${place})`;
  return { contents: contents.replaceAll('import.meta.url', url), loader: 'ts' };
}
