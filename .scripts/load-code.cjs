/**
 * The code that the program or a thread begins with, and what V8 made of it when it was built.
 *
 * Copied to `build/engine/`. Beside `x-thread.cjs`, which a thread is started with and which asks for it here, lie `x-thread.code.cjs`, its code with the packages that it needs, and
 * `x-thread.code.cjs.cache`, all functions that a thread calls to load it as V8's bytecode: compiling them was a fifth of what a start costs (docs/internals/performance/). Likewise beside
 * `gateway/main.js` and the packages in `shared/`.
 * V8 looks by itself whether that is of its own version, its own flags and of a source of this length; where it is not, or where there is none, it compiles as ever. A build removes
 * the cache before it writes the code.
 */
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');

/** Exports of the code that belongs to a file. */
exports.load = (file) => run(file, cachedDataOf(file)).exports;

/** As `load`, in a build; `keep` writes down what V8 has made of the code until then. */
exports.loadToKeep = (file) => {
  const { script, exports: exported } = run(file, undefined);
  return { exported, keep: () => writeFileSync(cacheOf(file), script.createCachedData()) };
};

const codeOf = (file) => file.replace(/\.c?js$/, '.code.cjs');
const cacheOf = (file) => `${codeOf(file)}.cache`;

function run(file, cachedData) {
  const filename = codeOf(file);
  // In one line with the code, so that the places in its map are right. It has nothing but ASCII (`bundle.mjs`), which takes half as long to read so.
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;
  const script = new Script(source, { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return { script, exports: module.exports };
}

function cachedDataOf(file) {
  try {
    return readFileSync(cacheOf(file));
  } catch {
    // It would only have been faster.
    return undefined;
  }
}
