import t from 'tap';
import { Packr } from 'msgpackr';
import { JsonBytes } from '../../../../gateway/input/bytes/json-bytes.js';
import { NotJsonError } from '../../../../gateway/input/bytes/msgpack-json.js';
import { MsgpackScan } from '../../../../gateway/input/bytes/msgpack-scan.js';
import { Random } from '../../../wheel/random.js';
import { randomMsgpack } from './random-msgpack.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const max = 20_000_000;

const roomy = new JsonBytes(max);

function take(scan: MsgpackScan, json = roomy): string {
  scan.takeAsJson(json);
  return json.bytes.toString('utf8', json.start, json.end);
}

function toJson(bytes: Buffer): string {
  const scan = new MsgpackScan(bytes);
  const json = take(scan);
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

t.test('whatever head a value has, its JSON is what is said of it, and stays in the memory that is used again', async (t) => {
  const random = new Random(29);
  const json = new JsonBytes(max);
  let [memory, turns, wrong]: [Buffer | null, number, string[]] = [null, 0, []];
  let written: { readonly start: number; readonly end: number; readonly expected: string }[] = [];
  for (let round = 0; round < 5_000; round++) {
    const { bytes, json: expected } = randomMsgpack(random, 0);
    const scan = new MsgpackScan(bytes);
    scan.takeAsJson(json);
    scan.expectEnd();
    if (json.bytes !== memory) {
      [memory, written] = [json.bytes, []];
      turns++;
    }
    written.push({ start: json.start, end: json.end, expected });
    // The last one, and any of those before it.
    for (const value of [written.at(-1)!, random.pick(written)]) {
      const is = json.bytes.toString('utf8', value.start, value.end);
      if (is !== value.expected) wrong.push(`round ${round}: ${is.slice(0, 200)} for ${value.expected.slice(0, 200)}`);
    }
  }
  t.same(wrong, []);
  t.ok(turns > 3 && turns < 500, `${turns} turns`);
});

t.test('a value that was given up half-way is gone with the next', async (t) => {
  const json = new JsonBytes(40);
  const bytes = Buffer.from('93a3616263c400c0', 'hex');
  let givenUp = 0;
  for (let round = 0; round < 10_000; round++) {
    try {
      new MsgpackScan(bytes).takeAsJson(json);
    } catch (error) {
      if (error instanceof NotJsonError) givenUp++;
    }
    new MsgpackScan(packr.pack({ round })).takeAsJson(json);
    const is = json.bytes.toString('utf8', json.start, json.end);
    if (is !== `{"round":${round}}`) t.fail(is);
  }
  t.equal(givenUp, 10_000);
});

t.test('the bound is exact, whatever reaches it', async (t) => {
  const values = [
    123_456,
    -5,
    0.25,
    2n ** 60n,
    null,
    true,
    'text',
    'é',
    'a"b',
    '\u0001',
    [],
    {},
    [[7]],
    { a: 1 },
    [1, 'b', null],
  ];
  for (const value of values) {
    const bytes = packr.pack(value);
    const text = toJson(bytes);
    const length = Buffer.byteLength(text);
    t.equal(take(new MsgpackScan(bytes), new JsonBytes(length)), text);
    t.throws(() => take(new MsgpackScan(bytes), new JsonBytes(length - 1)), { name: 'JsonTooLongError' }, text);
  }
});

t.test('a character is written as JSON.stringify writes it, wherever it stands in a text', async (t) => {
  const wrong: string[] = [];
  for (let code = 0; code < 0x100; code++) {
    for (let length = 1; length <= 9; length++) {
      for (let place = 0; place < length; place++) {
        for (const around of [' ', '!', '#', '[', ']', '\u007f']) {
          const text = `${around.repeat(place)}${String.fromCharCode(code)}${around.repeat(length - place - 1)}`;
          if (toJson(packr.pack(text)) !== JSON.stringify(text)) wrong.push(JSON.stringify(text));
        }
      }
    }
  }
  t.same(wrong, []);
});

t.test('a text that is not UTF-8 makes all of it unreadable, also where it is too long', async (t) => {
  const notUtf8 = Buffer.concat([Buffer.from('d9c8', 'hex'), Buffer.alloc(199, 0x61), Buffer.from([0xff])]);
  for (const bytesMax of [10, 150, max])
    t.throws(() => take(new MsgpackScan(notUtf8), new JsonBytes(bytesMax)), { name: 'MsgpackSyntaxError' });
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
    t.throws(() => take(new MsgpackScan(cut)), { name: 'MsgpackSyntaxError' }, `${length} bytes`);
    t.throws(() => new MsgpackScan(cut).skipValue(), { name: 'MsgpackSyntaxError' });
  }
  for (const hex of ['c1', '92c1', 'a2c328', 'dfffffffffa161', 'ddffffffff', 'dbffffffff'])
    t.throws(() => toJson(Buffer.from(hex, 'hex')), { name: 'MsgpackSyntaxError' }, hex);
  t.throws(() => toJson(Buffer.from('c0c0', 'hex')), { name: 'MsgpackSyntaxError' });
});

t.test('a million levels cost no stack, and what grows beyond its bound is given up', async (t) => {
  const deep = Buffer.concat([Buffer.alloc(400_000, 0x91), Buffer.from([0xc0])]);
  t.equal(toJson(deep).length, 800_004);
  t.throws(() => take(new MsgpackScan(Buffer.alloc(1_000, 0x91)), new JsonBytes(999)), { name: 'JsonTooLongError' });
  const zeros = Buffer.concat([Buffer.from('db00030d40', 'hex'), Buffer.alloc(200_000)]);
  t.throws(() => take(new MsgpackScan(zeros), new JsonBytes(1_199_999)), { name: 'JsonTooLongError' });
});
