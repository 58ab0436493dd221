import t from 'tap';
import { JsonScan, JsonSyntaxError } from '../../../../gateway/input/bytes/json-scan.js';

/** How deep, or null when it is not JSON. */
function scan(text: string): number | null {
  const scanner = new JsonScan(Buffer.from(text));
  try {
    scanner.skipValue();
    scanner.expectEnd();
    return scanner.depthReached;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null;
    throw error;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A small generator with a seed, so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const corpus = [
  '"\u001f"',
  '"\u0010"',
  '{}',
  '[]',
  'null',
  'true',
  'false',
  '0',
  '-0',
  '-1.5e+10',
  '1E400',
  '123456789012345678901234567890',
  '""',
  '"\\u0041\\n"',
  '"é"',
  ' \t\r\n[ ] ',
  '[1,[2,[3]]]',
  '{"a":{"b":[{}]}}',
  '{"":0}',
  '[[],{}]',
  '"\u007f"',
  '"\u2028"',
  '',
  ' ',
  '{',
  '}',
  '[',
  ']',
  '[1,]',
  '[,1]',
  '[1 2]',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{,}',
  '{a:1}',
  "{'a':1}",
  '01',
  '-',
  '+1',
  '1.',
  '.5',
  '1e',
  '1e+',
  '0x1',
  'NaN',
  'Infinity',
  'undefined',
  'tru',
  'nulll',
  'truefalse',
  '"',
  '"\\',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"\n"',
  '"\t"',
  '"\u0000"',
  '\ufeff{}',
  '{}{}',
  '[]]',
  '{"a":1}}',
  '/**/1',
  '1//',
  '[1,2',
  '{"a":[}',
  '[{]}',
  '"a" "b"',
  '\u00a01',
  '-01',
  '- 1',
];

t.test('the grammar is exactly that of JSON.parse', async (t) => {
  for (const text of corpus) t.equal(scan(text) !== null, parses(text), encodeURIComponent(text));
});

t.test('random texts, valid ones and ones with a byte changed, are judged as JSON.parse judges them', async (t) => {
  const alphabet = '{}[]",:\\u0019eE+-. tnaf\n';
  let invalid = 0;
  for (let seed = 1; seed <= 4_000; seed++) {
    const random = randomFrom(seed);
    let text = JSON.stringify(randomValue(random, 0), null, random(3));
    for (let change = random(3); change > 0; change--) {
      const at = random(text.length);
      text = text.slice(0, at) + alphabet[random(alphabet.length)] + text.slice(at + random(2));
    }
    if (!parses(text)) invalid++;
    if ((scan(text) !== null) !== parses(text)) t.fail(`seed ${seed}: ${JSON.stringify(text)}`);
  }
  t.ok(invalid > 500 && invalid < 3_500, `both kinds occurred (${invalid} invalid)`);
});

function randomValue(random: (below: number) => number, depth: number): unknown {
  const texts = ['', 'a', 'é\n', '"', '\\', '\u0001', '😀'];
  switch (random(depth > 4 ? 4 : 6)) {
    case 0:
      return texts[random(texts.length)];
    case 1:
      return (random(2_000) - 1_000) / [1, 10, 1e9, 1e-9][random(4)]!;
    case 2:
      return [true, false, null][random(3)];
    case 3:
      return random(10);
    case 4:
      return Array.from({ length: random(4) }, () => randomValue(random, depth + 1));
    default:
      return Object.fromEntries(Array.from({ length: random(4) }, (_, index) => [`k${index}`, randomValue(random, depth + 1)]));
  }
}

t.test('depth counts the deepest nesting, and a million levels cost no stack', async (t) => {
  t.equal(scan('1'), 0);
  t.equal(scan('[1]'), 1);
  t.equal(scan('[[],[[]],{}]'), 3);
  t.equal(scan('{"a":{"b":[]}}'), 3);
  const levels = 1_000_000;
  t.equal(scan('['.repeat(levels) + ']'.repeat(levels)), levels);
  t.equal(scan('['.repeat(levels)), null);
});

t.test('members and elements are handed over with their place', async (t) => {
  const text = '{ "a" : [1, "x"] , "b\\"": {} }';
  const scanner = new JsonScan(Buffer.from(text));
  const seen: string[] = [];
  scanner.eachMember((keyAt, keyEnd) => {
    const at = scanner.at;
    scanner.skipValue();
    seen.push(`${text.slice(keyAt, keyEnd)}=${text.slice(at, scanner.at)}`);
  });
  scanner.expectEnd();
  t.same(seen, ['a=[1, "x"]', 'b\\"={}']);
  const elements: string[] = [];
  const array = '[1 , [2] ]';
  const list = new JsonScan(Buffer.from(array));
  for (let more = list.enterArray(); more; more = list.nextElement()) {
    const { at } = list;
    list.skipValue();
    elements.push(array.slice(at, list.at));
  }
  t.same(elements, ['1', '[2]']);
  t.equal(list.at, array.length);
  t.throws(() => new JsonScan(Buffer.from('{"a":1 "b":2}')).eachMember(() => undefined), JsonSyntaxError);
});

t.test('skipped in pieces it is the same value, wherever a piece ends', async (t) => {
  const wrong: string[] = [];
  for (const text of [...corpus, '{"a" : [ "x\\"y" , {"b":-1.5e3} ,[],{} ] } ', ' [[["é\\u00e9"]],1] ', '{"a":}', '["\\x"]']) {
    for (let pieceBytes = 1; pieceBytes <= text.length + 1; pieceBytes++) {
      const whole = outcome(text, (scanner) => scanner.skipValue());
      const inPieces = outcome(text, (scanner) => {
        scanner.beginValue();
        while (!scanner.skipSome(pieceBytes)) {
          // Somebody else's turn: it may not disturb what is under way.
          new JsonScan(Buffer.from('[[{"a":[]}]]')).skipValue();
        }
      });
      if (inPieces !== whole) wrong.push(`${text} in pieces of ${pieceBytes}: ${inPieces} instead of ${whole}`);
    }
  }
  t.same(wrong, []);
});

function outcome(text: string, skip: (scanner: JsonScan) => void): string {
  const scanner = new JsonScan(Buffer.from(text));
  try {
    skip(scanner);
    return `to ${scanner.at}, ${scanner.depthReached} deep`;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
}
