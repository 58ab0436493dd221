/**
 * The program, and what its threads begin with, each with the modules that it imports in one file instead of up to 160. All other modules stay as the compiler wrote them,
 * for tests and for whoever imports the engine.
 *
 * - The program (`build/gateway/main.js`) and the long-lived threads (`build/engine/actor/host-thread.cjs` and the like), each in one file with the packages that it needs, as
 *   CommonJS: what begins so does not load Node's loader for ESM, and what V8 made of it can be kept (`load-code.cjs`).
 * - The short tasks, in `build/` in the place of what the compiler has written of the same name, with what they share beside.
 *
 * Why: Node takes 0.4 ms of CPU for each module that it loads, in each thread, whatever is in it, which was a quarter of a start (docs/internals/performance/).
 */
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { Worker } from 'node:worker_threads';
import { exporting, packageDir, packageGroups, packagesIn } from './bundle-packages.mjs';
import { startOnce } from './first-start.mjs';
import { root } from './step.mjs';

/** What makes bundles what they are, besides sources. */
export const bundleScripts = [
  'bundle.mjs',
  'bundle-packages.mjs',
  'in-bundles/msgpackr-extract.cjs',
  'load-code.cjs',
  'first-start.mjs',
  'keep-code.cjs',
].map((file) => `.scripts/${file}`);

const program = 'gateway/main.ts';
/** How a thread's module is named where the thread is started. */
const threadModule = /new URL\('(\.[^']*-(?:thread|task)\.c?js)', import\.meta\.url\)/g;
/** By which code is loaded. */
const loader = 'build/engine/load-code.cjs';
const loaderSource = '.scripts/load-code.cjs';
/** Loaded when they are asked for: by whom NATS is configured, by the first that sends something of a form, and by programs that take deliveries themselves. */
const laterInProgram = ['nats', 'forms', 'breaker'];
const laterInThreads = ['nats'];
/** In the place of these esbuild sees Node's own. */
const ownRequire = /^(?:import \{ require \} from '\S+\/commonjs\.js'|const require = createRequire\(import\.meta\.url\));$/m;
/** Where code goes that several of them load. */
const shared = 'engine/shared';
const groups = Object.keys(packageGroups);
/** The program's own `require` (`kernel/commonjs.ts`). */
const door = 'engine/kernel/commonjs.ts';
const packagesDoor = `import { createRequire } from 'node:module';
const own = createRequire(import.meta.url);
const packages = own('../shared/tasks.cjs');
export const require = (name) => packages[name] ?? own(name);
`;
/** What `import.meta.url` becomes in CommonJS, which has none, and in a file that is shared: the place of a module in `build/`. */
const urlInCommonJs = (source) => `__urlOf(${JSON.stringify(source)})`;
const urlInModule = (source) =>
  `(import.meta.url.slice(0, import.meta.url.lastIndexOf('/build/') + 7) + ${JSON.stringify(source)})`;

/** `sources`: paths from the root. The compiler has been over them. */
export async function bundle(sources) {
  const { codes, tasks } = entriesOf(sources);
  if (codes.length === 0) return;
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
      entryPoints: tasks,
      chunkNames: `${shared}/[name]-[hash]`,
      splitting: true,
      format: 'esm',
      plugins: [inPlace(urlInModule, { stay: tasks, texts: { [door]: packagesDoor } })],
    }),
    ...groups.map((group) =>
      build({
        ...common,
        ...inCommonJs(`${shared}/${group}`),
        stdin: { contents: exporting(group), resolveDir: root },
        plugins: [packagesIn()],
      }),
    ),
    ...codes.map((code) =>
      build({
        ...common,
        ...inCommonJs(code),
        entryPoints: [`${code}.ts`],
        plugins: [inPlace(urlInCommonJs, { packages: true }), packagesIn(isProgram(code) ? laterInProgram : laterInThreads)],
      }),
    ),
  ]);
  // The process that does it would live as long as this one, which goes on to be the server.
  await stop();
  copyFileSync(join(root, loaderSource), join(root, loader));
  await Promise.all([...groups.map((group) => `${shared}/${group}`), ...codes].map(keep));
  if (codes.some(isProgram)) await startOnce(join('build', startOf(codes.find(isProgram))));
}

/** What is written here and not by the compiler, as paths from the root. */
export function bundles(sources) {
  const { codes } = entriesOf(sources);
  if (codes.length === 0) return [];
  const files = [...codes, ...groups.map((group) => `${shared}/${group}`)];
  const written = files.flatMap((file) => [startOf(file), `${file}.code.cjs`, `${file}.code.cjs.cache`]);
  return [loader, ...written.map((file) => join('build', file))];
}

/** The file by whose name a thread is started, packages are asked for, or the program is run; it has `load-code.cjs` load the code. */
function startOf(code) {
  return `${code}.${isProgram(code) ? 'js' : 'cjs'}`;
}

function isProgram(code) {
  return `${code}.ts` === program;
}

function startText(code) {
  const place = posix.relative(posix.dirname(code), 'engine/load-code.cjs');
  const asked = `./${place}`.replace('./..', '..');
  if (!isProgram(code)) return `module.exports = require('${asked}').load(__filename);\n`;
  return `#!/usr/bin/env node
import { createRequire } from 'node:module';
export const { main } = createRequire(import.meta.url)('${asked}').load(import.meta.filename);
`;
}

/** What a bundle in CommonJS knows of the place that it lies at. */
function inCommonJs(code) {
  const up = posix.relative(posix.dirname(code), '.');
  const places = [
    `const __build = require('node:path').resolve(__dirname, '${up}')`,
    `__shared = __build + '/${shared}/'`,
    `__urlOf = (source) => require('node:url').pathToFileURL(__build + '/' + source).href`,
    packageDir,
  ];
  return {
    outdir: undefined,
    outfile: `build/${code}.code.cjs`,
    format: 'cjs',
    // What is loaded later comes by `require`: code from a cache knows no `import()`.
    supported: { 'dynamic-import': false },
    external: ['*.node'],
    banner: { js: `${places.join(', ')};` },
  };
}

/** Writes what loads the code, and what V8 makes of it: it is loaded once here, in a thread as it will be there. */
async function keep(code) {
  const start = join(root, 'build', startOf(code));
  inAscii(join(root, 'build', `${code}.code.cjs`));
  writeFileSync(start, startText(code));
  // The compiler's, of what it has written there.
  if (isProgram(code)) rmSync(`${start}.map`, { force: true });
  const cache = `require(${JSON.stringify(join(root, loader))}).loadToKeep(${JSON.stringify(start)}).keep()`;
  const worker = new Worker(`process.argv.length = 1; ${cache}`, { eval: true });
  await once(worker, 'exit');
}

/** esbuild leaves comments and regular expressions as they are. One other letter, and V8 keeps two bytes for each of the whole code, in each thread that loads it. */
function inAscii(file) {
  const code = readFileSync(file, 'utf8');
  const escaped = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (escaped !== code) writeFileSync(file, escaped);
}

/** `codes`: without `.ts`. */
function entriesOf(sources) {
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
  const codes = [...sourcesOf('.cjs'), ...sources.filter((source) => source === program)];
  return { codes: codes.map((source) => source.replace(/\.ts$/, '')), tasks: sourcesOf('.js') };
}

/**
 * A module that names files beside itself goes on doing so from wherever its code has come to. `stay`: sources whose code does not move. `packages`: what is
 * loaded by `require` (`kernel/commonjs.ts`) is part of the bundle. `texts`: what stands in the place of sources.
 */
function inPlace(urlOf, { stay = [], packages = false, texts = {} }) {
  const load = ({ path }) => {
    const source = relative(root, path).split(sep).join('/');
    const contents = texts[source] ?? readFileSync(path, 'utf8');
    if (stay.includes(source)) return { contents, loader: 'ts' };
    const own = packages ? contents.replace(ownRequire, '').replace(/^#!/, '//') : contents;
    return { contents: own.replaceAll('import.meta.url', urlOf(source.replace(/\.ts$/, '.js'))), loader: 'ts' };
  };
  return { name: 'places', setup: (build) => build.onLoad({ filter: /\.ts$/ }, load) };
}
