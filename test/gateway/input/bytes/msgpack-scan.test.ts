import t from 'tap';
import { Packr } from 'msgpackr';
import { MsgpackScan } from '../../../../gateway/input/bytes/msgpack-scan.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const max = 20_000_000;

function toJson(bytes: Buffer): string {
  const scan = new MsgpackScan(bytes);
  const json = scan.takeAsJson(max).toString();
  scan.expectEnd();
  const other = new MsgpackScan(bytes);
  other.skipValue();
  other.expectEnd();
  return json;
}

t.test('random values become the JSON that JSON.stringify would make of them', async (t) => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const texts = ['', 'a', '"\\/\b\f\n\r\t\u0000\u001f', 'é€😀', '\u2028', 'x'.repeat(40), 'y'.repeat(300), 'z'.repeat(70_000)];
  const numbers = [0, -1, 127, 128, -32, -33, 255, 256, 65_535, 65_536, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, 0.1, -1.5e300, 5e-324];
  const value = (depth: number): unknown => {
    const kind = random(depth > 4 ? 4 : 6);
    if (kind === 0) return numbers[random(numbers.length)];
    if (kind === 1) return texts[random(texts.length)];
    if (kind === 2) return random(2) === 0;
    if (kind === 3) return null;
    const length = random(20) === 0 ? 40 : random(4);
    if (kind === 4) return Array.from({ length }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length }, (_, index) => [`${texts[random(6)]}${index}`, value(depth + 1)]));
  };
  const wrong: string[] = [];
  for (let round = 0; round < 500; round++) {
    const given = value(0);
    if (toJson(packr.pack(given)) !== JSON.stringify(given)) wrong.push(JSON.stringify(given).slice(0, 200));
  }
  t.same(wrong, []);
});

t.test('integers of 64 bits keep their digits, keys their order and number', async (t) => {
  t.equal(toJson(Buffer.from('cfffffffffffffffff', 'hex')), '18446744073709551615');
  t.equal(toJson(Buffer.from('d38000000000000000', 'hex')), '-9223372036854775808');
  t.equal(toJson(Buffer.from('83a1620aa1610ba16201', 'hex')), '{"b":10,"a":11,"b":1}');
  t.equal(toJson(Buffer.from('81a95f5f70726f746f5f5f80', 'hex')), '{"__proto__":{}}');
  t.equal(toJson(Buffer.from('ca3dcccccd', 'hex')), String(Math.fround(0.1)));
});

t.test('what JSON cannot say is named', async (t) => {
  const cases: readonly (readonly [hex: string, message: RegExp])[] = [
    ['c403000000', /no bytes/],
    ['d6ff00000000', /extension types/],
    ['c70cff000000000000000000000000', /extension types/],
    ['cb7ff8000000000000', /no NaN/],
    ['cbfff0000000000000', /no -Infinity/],
    ['810102', /key must be a text/],
    ['81c0c0', /key must be a text/],
    ['818080', /key must be a text/],
  ];
  for (const [hex, message] of cases) t.throws(() => toJson(Buffer.from(hex, 'hex')), { name: 'NotJsonError', message }, hex);
});

t.test('every prefix of a value is refused, and so is what means nothing', async (t) => {
  const whole = packr.pack({ a: [1, 'two', 3.5, null, { b: 'c'.repeat(40) }], d: 2 ** 40 });
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    t.throws(() => new MsgpackScan(cut).takeAsJson(max), { name: 'MsgpackSyntaxError' }, `${length} bytes`);
    t.throws(() => new MsgpackScan(cut).skipValue(), { name: 'MsgpackSyntaxError' });
  }
  for (const hex of ['c1', '92c1', 'a2c328', 'dfffffffffa161', 'ddffffffff', 'dbffffffff'])
    t.throws(() => toJson(Buffer.from(hex, 'hex')), { name: 'MsgpackSyntaxError' }, hex);
  t.throws(() => toJson(Buffer.from('c0c0', 'hex')), { name: 'MsgpackSyntaxError' });
});

t.test('a million levels cost no stack, and what grows beyond its bound is given up', async (t) => {
  const deep = Buffer.concat([Buffer.alloc(400_000, 0x91), Buffer.from([0xc0])]);
  t.equal(toJson(deep).length, 800_004);
  t.throws(() => new MsgpackScan(Buffer.alloc(1_000, 0x91)).takeAsJson(999), { name: 'JsonTooLongError' });
  t.throws(
    () => new MsgpackScan(Buffer.concat([Buffer.from('db00030d40', 'hex'), Buffer.alloc(200_000)])).takeAsJson(1_199_999),
    { name: 'JsonTooLongError' },
  );
});
