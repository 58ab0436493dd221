/**
 * The program, and what its threads begin with, each with the modules that it imports in one file or a few instead of up to 160. All other modules stay as the compiler
 * wrote them, for tests and for whoever imports the engine.
 *
 * - The long-lived threads (`build/engine/actor/host-thread.cjs` and the like), each in one file, as CommonJS: piscina asks for a thread's module by `require`, and
 *   a thread that does not begin with ESM does not load Node's loader for it either.
 * - The program and the short tasks, in `build/` in the place of what the compiler has written of the same name, with what they share beside.
 *
 * Why: Node takes 0.4 ms of CPU for each module that it loads, in each thread, whatever is in it, which was a quarter of a start (docs/internals/performance-notes.md).
 * Packages are not looked into.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './step.mjs';

const program = 'gateway/main.ts';
/** How a thread's module is named where the thread is started. */
const threadModule = /new URL\('(\.[^']*-(?:thread|task)\.c?js)', import\.meta\.url\)/g;
/** Where code goes that several of them import. */
const shared = 'engine/shared';
/** What `import.meta.url` becomes in CommonJS, which has none: the place of a module in `build/`, below which an entry lies two folders deep. */
const buildUrl = '__buildUrl';
const buildUrlOfCommonJs = `const ${buildUrl} = require('node:url').pathToFileURL(require('node:path').resolve(__dirname, '../..')).href + '/';`;
const buildUrlOfModule = "import.meta.url.slice(0, import.meta.url.lastIndexOf('/build/') + 7)";

/** `sources`: paths from the root. The compiler has been over them. */
export async function bundle(sources) {
  const { threads, tasks } = threadModules(sources);
  const entries = [...(sources.includes(program) ? [program] : []), ...tasks];
  if (entries.length + threads.length === 0) return;
  // Only here: where nothing is to be built, nothing of it is loaded.
  const { build, stop } = await import('esbuild');
  const common = {
    absWorkingDir: root,
    outdir: 'build',
    outbase: '.',
    bundle: true,
    packages: 'external',
    platform: 'node',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'error',
  };
  await Promise.all([
    build({
      ...common,
      entryPoints: entries,
      chunkNames: `${shared}/[name]-[hash]`,
      splitting: true,
      format: 'esm',
      plugins: [inPlace(buildUrlOfModule, entries)],
    }),
    build({
      ...common,
      entryPoints: threads,
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
      banner: { js: buildUrlOfCommonJs },
      plugins: [inPlace(buildUrl)],
    }),
  ]);
  // The process that does it would live as long as this one, which goes on to be the server.
  await stop();
}

/** Bundles of threads that have no output of the compiler's in their place, as paths from the root. */
export function threadBundles(sources) {
  return threadModules(sources).threads.map((source) => join('build', source.replace(/\.ts$/, '.cjs')));
}

function threadModules(sources) {
  const found = sources
    .filter((source) => source.startsWith('engine/'))
    .flatMap((source) => {
      const text = readFileSync(join(root, source), 'utf8');
      return [...text.matchAll(threadModule)].map(([, module]) => join(source, '..', module));
    });
  const sourcesOf = (end) =>
    [...new Set(found)]
      .filter((module) => module.endsWith(end))
      .map((module) => module.replace(end, '.ts'))
      .filter((source) => existsSync(join(root, source)))
      .sort();
  return { threads: sourcesOf('.cjs'), tasks: sourcesOf('.js') };
}

/** A module that names files beside itself goes on doing so from wherever its code has come to. `stay`: sources whose code does not move. */
function inPlace(buildUrl, stay = []) {
  const load = ({ path }) => {
    const source = relative(root, path).split(sep).join('/');
    const contents = readFileSync(path, 'utf8');
    if (stay.includes(source)) return { contents, loader: 'ts' };
    const url = `(${buildUrl} + ${JSON.stringify(source.replace(/\.ts$/, '.js'))})`;
    return { contents: contents.replaceAll('import.meta.url', url), loader: 'ts' };
  };
  return { name: 'places', setup: (build) => build.onLoad({ filter: /\.ts$/ }, load) };
}
