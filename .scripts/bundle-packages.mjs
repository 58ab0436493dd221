/**
 * Packages in bundles.
 *
 * A package is part of the bundle that needs it, but for those that few starts need: they are in files of their own, loaded when one of them is asked for. Packages with
 * native parts, or with files beside them, are told where these are: what looks for them loads many modules of Node for it, in each thread.
 */
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './step.mjs';

/** By the name of their file in `build/engine/shared/`. */
export const packageGroups = {
  nats: ['@nats-io/jetstream', '@nats-io/transport-node'],
  forms: ['@sinclair/typebox', '@sinclair/typebox/compiler', '@sinclair/typebox/errors'],
  breaker: ['cockatiel'],
  tasks: ['better-sqlite3', 'msgpackr'],
};

/** What stands in the place of packages. */
const instead = {
  // By this one better-sqlite3 looks for its native part.
  bindings: "module.exports = () => require('better-sqlite3/build/Release/better_sqlite3.node');",
  'msgpackr-extract': readFileSync(join(root, '.scripts/in-bundles/msgpackr-extract.cjs'), 'utf8'),
  // As undici itself does where Node has been built without it: a courier asks for HTTP/1 alone.
  'node:http2': 'exports.constants = {};',
};

/** Files that name others beside themselves. */
const beside = {
  'node_modules/piscina/dist/index.js': ['__dirname', "(__packageDir('piscina') + '/dist')"],
  'node_modules/uWebSockets.js/dist/uws.mjs': ['import.meta.url', "(__packageDir('uWebSockets.js') + '/dist/uws.mjs')"],
};

/** Declared ahead of a bundle: where a package lies. */
export const packageDir =
  "__packageDir = (name) => require.resolve.paths(name).map((dir) => dir + '/' + name).find((dir) => require('node:fs').existsSync(dir))";

/** For bundles that are CommonJS. `apart`: groups that are not part of it; `__shared` is where they are. */
export function packagesIn(apart = []) {
  const ofGroups = apart.flatMap((group) =>
    packageGroups[group].map((name) => [name, `module.exports = require(__shared + '${group}.cjs')['${name}'];`]),
  );
  const texts = new Map([...Object.entries(instead), ...ofGroups]);
  const setup = (build) => {
    build.onResolve({ filter: /^[^./]/ }, ({ path }) => (texts.has(path) ? { path, namespace: 'instead' } : null));
    build.onLoad({ filter: /./, namespace: 'instead' }, ({ path }) => ({ contents: texts.get(path), resolveDir: root }));
    build.onLoad({ filter: /node_modules/ }, ({ path }) => {
      const [name, place] = beside[relative(root, path).split(sep).join('/')] ?? [];
      return name === undefined ? null : { contents: readFileSync(path, 'utf8').replaceAll(name, place), loader: 'js' };
    });
  };
  return { name: 'packages', setup };
}

/** The source of a group's bundle. */
export function exporting(group) {
  return packageGroups[group].map((name) => `exports['${name}'] = require('${name}');`).join('\n');
}
