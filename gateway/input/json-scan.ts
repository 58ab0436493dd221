/**
 * Where things are in a JSON text, without making anything of them.
 *
 * A payload is delivered with the bytes that came in, and `JSON.parse` cannot give them back: it loses the digits of big
 * numbers, the white space and the place. It is also slow where it need not be at all: 200,000 keys take it 240 ms, and
 * nobody here looks at them. So the bytes are walked once. The walk checks the whole grammar, notes where the members of
 * the top-level object are that matter, and how deep the payload is; then `JSON.parse` sees the few hundred bytes around
 * the payload, with `null` in its place.
 *
 * The grammar is exactly that of `JSON.parse` (RFC 8259, no byte-order mark, no trailing comma); a property test holds the
 * two against each other. Depth is counted, not recursed: a million brackets cost a million bytes of stack here.
 *
 * Expects valid UTF-8: bytes from 0x80 are taken as they come, inside strings only.
 */

/** Not JSON: `at` is the offset of the byte that does not fit. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly at: number;

  constructor(at: number, what: string) {
    super(`${what} at byte ${at}`);
    this.at = at;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * 1 for each open object, 0 for each open array, of the value being skipped. One for all scans: a value is skipped in one
 * go, and making 256 bytes anew for each event is measurable. It grows with the depth of a value, and what an absurd one
 * has made of it is given back at the next.
 */
let open = new Uint8Array(256);
const openKeptMax = 65_536;

function growStack(): void {
  const larger = new Uint8Array(open.length * 2);
  larger.set(open);
  open = larger;
}

/** Walks one text. Holds the place; `depthReached` is that of the last `skipValue`. */
export class JsonScan {
  readonly #bytes: Buffer;
  #at: number;
  depthReached = 0;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  /** The byte at the place, after white space; -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at++;
    }
    this.#at = at;
    return at < bytes.length ? bytes[at]! : -1;
  }

  /** After the value that is the whole text. */
  expectEnd(): void {
    if (this.peek() !== -1) throw new JsonSyntaxError(this.#at, 'unexpected text after the value');
  }

  /**
   * Calls `onMember` for each member of the object at the place; it must move over the value. `keyAt` and `keyEnd` enclose
   * the key without its quotes, as written, escapes and all.
   */
  eachMember(onMember: (keyAt: number, keyEnd: number) => void): void {
    this.#expect(openBrace, '"{"');
    if (this.peek() === closeBrace) {
      this.#at++;
      return;
    }
    for (;;) {
      if (this.peek() !== quote) throw new JsonSyntaxError(this.#at, 'expected a key');
      const keyAt = this.#at + 1;
      this.#skipString();
      const keyEnd = this.#at - 1;
      this.#expect(colon, '":"');
      this.peek();
      onMember(keyAt, keyEnd);
      const next = this.peek();
      this.#at++;
      if (next === closeBrace) return;
      if (next !== comma) throw new JsonSyntaxError(this.#at - 1, 'expected "," or "}"');
    }
  }

  /** Calls `onElement` for each element of the array at the place; it must move over the element. */
  eachElement(onElement: (index: number) => void): void {
    this.#expect(openBracket, '"["');
    if (this.peek() === closeBracket) {
      this.#at++;
      return;
    }
    for (let index = 0; ; index++) {
      this.peek();
      onElement(index);
      const next = this.peek();
      this.#at++;
      if (next === closeBracket) return;
      if (next !== comma) throw new JsonSyntaxError(this.#at - 1, 'expected "," or "]"');
    }
  }

  /** Moves over one value of any kind and any depth. */
  skipValue(): void {
    if (open.length > openKeptMax) open = new Uint8Array(256);
    let depth = 0;
    let deepest = 0;
    for (;;) {
      const byte = this.peek();
      if (byte === openBrace || byte === openBracket) {
        this.#at++;
        if (depth === open.length) growStack();
        open[depth++] = byte === openBrace ? 1 : 0;
        if (depth > deepest) deepest = depth;
        const first = this.peek();
        if (first !== (byte === openBrace ? closeBrace : closeBracket)) {
          if (byte === openBrace) this.#skipKey();
          continue;
        }
      } else if (byte === quote) {
        this.#skipString();
      } else {
        this.#skipLiteral(byte);
      }
      // A value is complete: close what ends with it, then go on behind a comma.
      for (;;) {
        if (depth === 0) {
          this.depthReached = deepest;
          return;
        }
        const next = this.peek();
        const inObject = open[depth - 1] === 1;
        this.#at++;
        if (next === (inObject ? closeBrace : closeBracket)) {
          depth--;
          continue;
        }
        if (next !== comma) throw new JsonSyntaxError(this.#at - 1, inObject ? 'expected "," or "}"' : 'expected "," or "]"');
        if (inObject) this.#skipKey();
        break;
      }
    }
  }

  #skipKey(): void {
    if (this.peek() !== quote) throw new JsonSyntaxError(this.#at, 'expected a key');
    this.#skipString();
    this.#expect(colon, '":"');
  }

  #expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw new JsonSyntaxError(this.#at, `expected ${what}`);
    this.#at++;
  }

  #skipString(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      if (at >= bytes.length) throw new JsonSyntaxError(at, 'unfinished string');
      const byte = bytes[at]!;
      if (byte === quote) break;
      if (byte < 0x20) throw new JsonSyntaxError(at, 'control character in a string');
      if (byte === backslash) at = endOfEscape(bytes, at);
      else at++;
    }
    this.#at = at + 1;
  }

  #skipLiteral(first: number): void {
    if (first === 0x74) this.#skipWord('true');
    else if (first === 0x66) this.#skipWord('false');
    else if (first === 0x6e) this.#skipWord('null');
    else this.#skipNumber();
  }

  #skipWord(word: string): void {
    for (let at = 0; at < word.length; at++) {
      if (this.#bytes[this.#at + at] !== word.charCodeAt(at)) throw new JsonSyntaxError(this.#at, 'expected a value');
    }
    this.#at += word.length;
  }

  #skipNumber(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === 0x2d) at++;
    if (!isDigit(bytes[at])) throw new JsonSyntaxError(at, 'expected a value');
    if (bytes[at] === 0x30) at++;
    else at = endOfDigits(bytes, at);
    if (bytes[at] === 0x2e) {
      if (!isDigit(bytes[at + 1])) throw new JsonSyntaxError(at + 1, 'expected a digit');
      at = endOfDigits(bytes, at + 1);
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      if (!isDigit(bytes[at])) throw new JsonSyntaxError(at, 'expected a digit');
      at = endOfDigits(bytes, at);
    }
    this.#at = at;
  }
}

/** `at` is on the backslash. */
function endOfEscape(bytes: Buffer, at: number): number {
  switch (bytes[at + 1]) {
    case quote:
    case backslash:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 2;
    case 0x75:
      for (let digit = at + 2; digit < at + 6; digit++) {
        if (!isHexDigit(bytes[digit])) throw new JsonSyntaxError(digit, 'expected four hexadecimal digits');
      }
      return at + 6;
    default:
      throw new JsonSyntaxError(at + 1, 'unknown escape');
  }
}

function endOfDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && (isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66));
}
