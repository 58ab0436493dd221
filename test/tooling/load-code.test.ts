import { appendFileSync, copyFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const require = createRequire(import.meta.url);
const loaderFile = new URL('../../engine/load-code.cjs', import.meta.url);

/** A file to begin with, its code, and what V8 has made of it. */
function setup(t: Test) {
  const dir = t.testdir();
  const file = join(dir, 'some-thread.cjs');
  const code = join(dir, 'some-thread.code.cjs');
  const kept = `${code}.cache`;
  copyFileSync(loaderFile, join(dir, 'load-code.cjs'));
  writeFileSync(file, "module.exports = require('./load-code.cjs').load(__filename);\n");
  writeFileSync(code, "const { sep } = require('node:path');\nexports.answer = () => '42'.concat(sep);\nexports.answer();\n");
  const loader = require(join(dir, 'load-code.cjs')) as { loadToKeep(file: string): { exported: unknown; keep(): void } };
  loader.loadToKeep(file).keep();
  const answer = () => {
    delete require.cache[file];
    return (require(file) as { answer(): string }).answer();
  };
  return { loader, file, code, kept, answer };
}

t.test('code is loaded with what V8 has made of it', async (t) => {
  t.equal(setup(t).answer(), '42/');
});

t.test('without it, and with a part of it, the code is loaded all the same', async (t) => {
  const { kept, answer } = setup(t);
  for (const harm of [() => truncateSync(kept, 100), () => truncateSync(kept), () => rmSync(kept)]) {
    harm();
    t.equal(answer(), '42/');
  }
});

t.test('what was made of other code is not taken', async (t) => {
  const { code, answer } = setup(t);
  appendFileSync(code, "const inner = exports.answer;\nexports.answer = () => inner().concat('!');\n");
  t.equal(answer(), '42/!');
});

t.test('what fails says where, in the line of the code', async (t) => {
  const { code, answer } = setup(t);
  writeFileSync(code, "exports.answer = () => {\n  throw new Error('bad');\n};\n");
  t.throws(answer, { message: 'bad', stack: /some-thread\.code\.cjs:2:9/ });
});

t.test('functions that are called until it is written down are part of it', async (t) => {
  const { loader, file, code, kept } = setup(t);
  writeFileSync(code, 'exports.square = (n) => {\n  const made = { n, square: n * n };\n  return made.square;\n};\n');
  const { exported, keep } = loader.loadToKeep(file);
  const bytes = () => {
    keep();
    return statSync(kept).size;
  };
  const before = bytes();
  t.equal((exported as { square(n: number): number }).square(3), 9);
  t.ok(bytes() > before);
});

t.test('whatever is loaded so has nothing but ASCII, as which it is read', async (t) => {
  const build = fileURLToPath(new URL('../..', import.meta.url));
  const codes = ['engine', 'gateway'].flatMap((folder) =>
    readdirSync(join(build, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(build, folder, file)),
  );
  const read = codes.filter((file) => file.endsWith('.code.cjs'));
  t.ok(read.length > 5, `${read.length} files`);
  t.same(
    read.filter((file) => readFileSync(file).some((byte) => byte > 127)),
    [],
  );
});
