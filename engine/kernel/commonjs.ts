/**
 * `require`, by which packages are loaded that are CommonJS.
 *
 * Why not `import`: for the names of their exports Node reads each of their files once more, with a parser in JavaScript, and V8 spends as much again
 * on optimizing that parser, in each thread. On Node 20 it was a third of what a start of the server costs (docs/internals/performance/).
 *
 * Types come from the package all the same: `require('pino') as typeof import('pino')`. Which file may load which package is checked as with `import`.
 */
import { createRequire } from 'node:module';

export const require = createRequire(import.meta.url);
