/**
 * Places in compiled files, as stacks and tap tell them, told as places in their sources.
 *
 * Node can do that by itself (`--enable-source-maps`), but then each process and each worker thread reads the map of every module that it
 * loads, whether anything fails or not: 10 to 15 % of a test run. Here it is done to the output of what has failed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, posix } from 'node:path';
import { root } from './step.mjs';

const inStack = /\b(build\/[^\s():]+\.c?js):(\d+):(\d+)/g;
const inTap = /\b(fileName: )(build\/\S+\.js)(\s+lineNumber: )(\d+)(\s+columnNumber: )(\d+)/g;

export function inSources(output) {
  const maps = new Map();
  const mapOf = (file) => {
    if (!maps.has(file)) maps.set(file, readMap(join(root, `${file}.map`)));
    return maps.get(file);
  };
  const sourceOf = (file, line, column) => {
    const { fileName, lineNumber, columnNumber } = mapOf(file)?.findOrigin(Number(line), Number(column)) ?? {};
    return lineNumber === undefined ? null : [posix.join(posix.dirname(file), fileName), lineNumber, columnNumber];
  };
  return output
    .replace(inStack, (whole, ...place) => sourceOf(...place.slice(0, 3))?.join(':') ?? whole)
    .replace(inTap, (whole, named, file, ofLine, line, ofColumn, column) => {
      const source = sourceOf(file, line, column);
      return source === null ? whole : named + source[0] + ofLine + source[1] + ofColumn + source[2];
    });
}

/** Null when there is none. */
function readMap(file) {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : null;
}
