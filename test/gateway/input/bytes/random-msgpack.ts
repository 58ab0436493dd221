/** Values in MessagePack with heads of any width, and what they are as JSON, said by whoever wrote them and not by a reader. */
import type { Random } from '../../../wheel/random.js';

export interface Written {
  readonly bytes: Buffer;
  readonly json: string;
}

const texts = [
  '',
  'a',
  'payments',
  'x'.repeat(31),
  'y'.repeat(32),
  'z'.repeat(300),
  '~\u007f',
  'a "quoted" \\ one',
  '\n\t\u0000',
  'é€😀',
  '\u2028',
];

export function randomMsgpack(random: Random, depth: number): Written {
  switch (random.below(depth > 4 ? 3 : 6)) {
    case 0:
      return number(random);
    case 1:
      return text(random);
    case 2:
      return random.pick([
        { bytes: Buffer.from([0xc0]), json: 'null' },
        { bytes: Buffer.from([0xc2]), json: 'false' },
        { bytes: Buffer.from([0xc3]), json: 'true' },
      ]);
    case 3:
      return array(random, depth);
    default:
      return map(random, depth);
  }
}

function text(random: Random): Written {
  const value = random.pick(texts);
  const bytes = Buffer.from(value);
  const head = headOf(random, bytes.length, [
    [31, 0xa0],
    [0xff, 0xd9],
    [0xffff, 0xda],
    [0xffffffff, 0xdb],
  ]);
  return { bytes: Buffer.concat([head, bytes]), json: JSON.stringify(value) };
}

function array(random: Random, depth: number): Written {
  const items = Array.from({ length: lengthOf(random) }, () => randomMsgpack(random, depth + 1));
  const head = headOf(random, items.length, [
    [15, 0x90],
    [0xffff, 0xdc],
    [0xffffffff, 0xdd],
  ]);
  return {
    bytes: Buffer.concat([head, ...items.map(({ bytes }) => bytes)]),
    json: `[${items.map(({ json }) => json).join(',')}]`,
  };
}

/** Keys may be equal. */
function map(random: Random, depth: number): Written {
  const members = Array.from({ length: lengthOf(random) }, () => [text(random), randomMsgpack(random, depth + 1)] as const);
  const head = headOf(random, members.length, [
    [15, 0x80],
    [0xffff, 0xde],
    [0xffffffff, 0xdf],
  ]);
  return {
    bytes: Buffer.concat([head, ...members.flatMap(([key, value]) => [key.bytes, value.bytes])]),
    json: `{${members.map(([key, value]) => `${key.json}:${value.json}`).join(',')}}`,
  };
}

function lengthOf(random: Random): number {
  return random.below(20) === 0 ? 10 + random.below(10) : random.below(3);
}

/** Any head that can say the length: those in one byte with it, then those in front of 1, 2 or 4 bytes. */
function headOf(random: Random, length: number, forms: readonly (readonly [max: number, first: number])[]): Buffer {
  const [max, first] = random.pick(forms.filter(([most]) => length <= most));
  if (max < 0x80) return Buffer.from([first + length]);
  return whole(first, max === 0xff ? 1 : max === 0xffff ? 2 : 4, BigInt(length));
}

function whole(first: number, width: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = first;
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value << BigInt(64 - 8 * width)), 1);
  return bytes.subarray(0, 1 + width);
}

function number(random: Random): Written {
  const kind = random.below(4);
  if (kind === 0) {
    const small = random.below(160) - 32;
    return { bytes: Buffer.from([small & 0xff]), json: String(small) };
  }
  if (kind === 1) return fraction(random);
  const exponent = random.below(4);
  const width = 2 ** exponent;
  // As many bits as there is room for, or fewer.
  const bits = BigInt.asUintN(8 * (1 + random.below(width)), random64(random));
  const isSigned = kind === 2;
  const value = isSigned ? BigInt.asIntN(8 * width, bits) : bits;
  return { bytes: whole((isSigned ? 0xd0 : 0xcc) + exponent, width, bits), json: String(value) };
}

function random64(random: Random): bigint {
  return (BigInt(random.below(2 ** 31)) << 33n) ^ (BigInt(random.below(2 ** 31)) << 8n) ^ BigInt(random.below(2 ** 31));
}

function fraction(random: Random): Written {
  const value = random.pick([
    0,
    -0,
    1,
    -1,
    0.5,
    1e21,
    -1.5e300,
    5e-324,
    2 ** 53,
    2 ** 53 - 1,
    2 ** 40 + 0.5,
    random.below(1_000_000) / 64,
  ]);
  const isFloat = Math.abs(value) < 1e30 && random.below(2) === 0;
  const bytes = Buffer.alloc(isFloat ? 5 : 9, isFloat ? 0xca : 0xcb);
  if (isFloat) bytes.writeFloatBE(value, 1);
  else bytes.writeDoubleBE(value, 1);
  return { bytes, json: JSON.stringify(isFloat ? Math.fround(value) : value) };
}
