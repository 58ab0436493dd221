/** What every command needs first: the packages and a build that matches the sources. Does nothing when both are there. */
import { compile } from './compile.mjs';
import { install } from './install.mjs';

export async function prepare() {
  await install();
  await compile();
}
