/**
 * The program, and what its threads begin with, each with the modules that it imports in one file or a few instead of up to 160. All other modules stay as the compiler
 * wrote them, for tests and for whoever imports the engine.
 *
 * - The long-lived threads (`build/engine/actor/host-thread.cjs` and the like), each in one file with the packages that it needs, as CommonJS: piscina asks for a thread's
 *   module by `require`, a thread that does not begin with ESM does not load Node's loader for it either, and what V8 made of it can be kept (`load-code.cjs`).
 * - The program and the short tasks, in `build/` in the place of what the compiler has written of the same name, with what they share beside. What each start of
 *   the program loads of packages is there together (`packages.cjs`), likewise with what V8 made of it.
 *
 * Why: Node takes 0.4 ms of CPU for each module that it loads, in each thread, whatever is in it, which was a quarter of a start (docs/internals/performance/).
 */
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { Worker } from 'node:worker_threads';
import { root } from './step.mjs';

const program = 'gateway/main.ts';
/** How a thread's module is named where the thread is started. */
const threadModule = /new URL\('(\.[^']*-(?:thread|task)\.c?js)', import\.meta\.url\)/g;
/** By which threads load their code. */
const loader = 'build/engine/load-code.cjs';
const loaderSource = '.scripts/load-code.cjs';
/** They find files beside themselves, native ones for the most part. The client of NATS few couriers need, and those load it when they do. */
const notInThreads = ['better-sqlite3', 'msgpackr-extract', 'piscina', 'uWebSockets.js'];
const laterInThreads = { 'engine/dispatch/courier-thread.ts': ['@nats-io/*'] };
/** By name, as `require` is asked for them: what each start of the program loads, of packages that find no files beside themselves. */
const packagesOfStart = ['hdr-histogram-js/dist/Float64Histogram.js', 'msgpackr', 'pino', 'prom-client/lib/registry.js'];
/** In its place esbuild sees Node's own. */
const ownRequire = /^import \{ require \} from '\S+\/commonjs\.js';$/m;
/** Where code goes that several of them import. */
const shared = 'engine/shared';
const packages = `${shared}/packages`;
/** The program's own `require` (`kernel/commonjs.ts`). */
const door = 'engine/kernel/commonjs.ts';
const packagesDoor = `import { createRequire } from 'node:module';
const own = createRequire(import.meta.url);
const packages = own('../shared/packages.cjs');
export const require = (name) => packages[name] ?? own(name);
`;
/** What `import.meta.url` becomes in CommonJS, which has none: the place of a module in `build/`, below which an entry lies two folders deep. */
const buildUrl = '__buildUrl';
const buildUrlOfCommonJs = `const ${buildUrl} = require('node:url').pathToFileURL(require('node:path').resolve(__dirname, '../..')).href + '/';`;
const buildUrlOfModule = "import.meta.url.slice(0, import.meta.url.lastIndexOf('/build/') + 7)";

/** `sources`: paths from the root. The compiler has been over them. */
export async function bundle(sources) {
  const { threads, tasks } = threadModules(sources);
  const entries = [...(sources.includes(program) ? [program] : []), ...tasks];
  if (threads.length === 0) return;
  // Only here: where nothing is to be built, nothing of it is loaded.
  const { build, stop } = await import('esbuild');
  const common = {
    absWorkingDir: root,
    outdir: 'build',
    outbase: '.',
    bundle: true,
    platform: 'node',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'error',
  };
  await Promise.all([
    build({
      ...common,
      packages: 'external',
      entryPoints: entries,
      chunkNames: `${shared}/[name]-[hash]`,
      splitting: true,
      format: 'esm',
      plugins: [inPlace(buildUrlOfModule, { stay: entries, texts: { [door]: packagesDoor } })],
    }),
    build({
      ...common,
      stdin: { contents: packagesOfStart.map((name) => `exports['${name}'] = require('${name}');`).join('\n'), resolveDir: root },
      outdir: undefined,
      outfile: `build/${packages}.code.cjs`,
      external: notInThreads,
      format: 'cjs',
    }),
    ...threads.map((thread) =>
      build({
        ...common,
        entryPoints: [thread],
        external: [...notInThreads, ...(laterInThreads[thread] ?? [])],
        format: 'cjs',
        outExtension: { '.js': '.code.cjs' },
        banner: { js: buildUrlOfCommonJs },
        plugins: [inPlace(buildUrl, { packages: true })],
      }),
    ),
  ]);
  // The process that does it would live as long as this one, which goes on to be the server.
  await stop();
  copyFileSync(join(root, loaderSource), join(root, loader));
  await Promise.all([packages, ...threads.map((thread) => thread.replace(/\.ts$/, ''))].map((file) => keep(file)));
}

/** What is written here and not by the compiler, as paths from the root. */
export function bundles(sources) {
  const { threads } = threadModules(sources);
  if (threads.length === 0) return [];
  const files = [packages, ...threads.map((source) => source.replace(/\.ts$/, ''))];
  return [
    loader,
    ...files.flatMap((file) => ['.cjs', '.code.cjs', '.code.cjs.cache'].map((end) => join('build', `${file}${end}`))),
  ];
}

/** Writes `file`.cjs, which loads its code, and what V8 makes of it: it is loaded once here, in a thread as it will be there. */
async function keep(file) {
  const path = join(root, 'build', `${file}.cjs`);
  writeFileSync(path, `module.exports = require('../load-code.cjs').load(__filename);\n`);
  const cache = `require(${JSON.stringify(join(root, loader))}).cache(${JSON.stringify(path)})`;
  await once(new Worker(cache, { eval: true }), 'exit');
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

/**
 * A module that names files beside itself goes on doing so from wherever its code has come to. `stay`: sources whose code does not move. `packages`: what is
 * loaded by `require` (`kernel/commonjs.ts`) is part of the bundle. `texts`: what stands in the place of sources.
 */
function inPlace(buildUrl, { stay = [], packages = false, texts = {} }) {
  const load = ({ path }) => {
    const source = relative(root, path).split(sep).join('/');
    const contents = texts[source] ?? readFileSync(path, 'utf8');
    if (stay.includes(source)) return { contents, loader: 'ts' };
    const url = `(${buildUrl} + ${JSON.stringify(source.replace(/\.ts$/, '.js'))})`;
    const moved = contents.replaceAll('import.meta.url', url);
    return { contents: packages ? moved.replace(ownRequire, '') : moved, loader: 'ts' };
  };
  return { name: 'places', setup: (build) => build.onLoad({ filter: /\.ts$/ }, load) };
}
