import t from 'tap';
import { fnv1a32 } from '../../engine/kernel/fnv1a.js';

/** From the test suite of its authors (isthe.com/chongo/tech/comp/fnv, `test_fnv.c`, FNV-1a 32 bit). */
const known: readonly (readonly [string, number])[] = [
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['b', 0xe70c2de5],
  ['c', 0xe60c2c52],
  ['f', 0xe30c2799],
  ['fo', 0x6222e842],
  ['foo', 0xa9f37ed7],
  ['foob', 0x3f5076ef],
  ['fooba', 0x39aaa18a],
  ['foobar', 0xbf9cf968],
];

t.test('known texts have their published hashes', async (t) => {
  for (const [text, hash] of known) t.equal(fnv1a32(Buffer.from(text)), hash, JSON.stringify(text));
});

t.test('a hash goes on where another ended, so that parts need not be joined', async (t) => {
  t.equal(fnv1a32(Buffer.from('bar'), fnv1a32(Buffer.from('foo'))), fnv1a32(Buffer.from('foobar')));
});

t.test('bytes above 127 and zeros count', async (t) => {
  const hashes = [[0], [0, 0], [255], [128], []].map((bytes) => fnv1a32(Uint8Array.from(bytes)));
  t.equal(new Set(hashes).size, hashes.length);
  t.ok(hashes.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32));
});
