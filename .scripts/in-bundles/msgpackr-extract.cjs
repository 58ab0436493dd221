/**
 * In bundles this stands for msgpackr's native part, the package of this name.
 *
 * The package loads thirteen modules of Node and looks into files of the system to learn which libc this is, in each thread. Here the file for glibc is tried; where that one
 * does not load, the package looks as ever.
 */
'use strict';
const { arch, platform, versions } = process;
const nativePart = (api) => `@msgpackr-extract/msgpackr-extract-${platform}-${arch}/node.${api}.glibc.node`;

module.exports = firstOf([nativePart(`abi${versions.modules}`), nativePart('napi')], 'msgpackr-extract');

function firstOf([name, ...others], last) {
  if (name === undefined) return require(last);
  try {
    return require(name);
  } catch {
    // Made for another libc, or not there.
    return firstOf(others, last);
  }
}
