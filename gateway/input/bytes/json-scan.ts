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
 * A value that may be long (a batch has up to 32 MiB, half a second of work where it is all brackets and commas) can be skipped in
 * pieces: `beginValue`, then `skipSome` until it says that the value is over.
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
 * 1 for each open object, 0 for each open array, of the value being skipped. One for all scans, as making 256 bytes anew for each
 * event is measurable; a scan that pauses in the middle of a value takes it along. It grows with the depth of a value, and what an
 * absurd one has made of it is given back at the next.
 */
let spare = new Uint8Array(256);
const spareBytesMax = 65_536;

/** What is expected next while a value is skipped. Numbers, as the walk asks for each token. */
const atValue = 0;
/** Behind an opening bracket. */
const atFirst = 1;
const atKey = 2;
const inKey = 3;
const atColon = 4;
const inString = 5;
const behindValue = 6;

/** Walks one text. Holds the place; `depthReached` is that of the last value that was skipped. */
export class JsonScan {
  #bytes: Buffer;
  #end: number;
  /** Not to be gone beyond: the end, or less while something is skipped in pieces. */
  #stop: number;
  #at: number;
  #open = spare;
  #depth = 0;
  #next = atValue;
  depthReached = 0;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = bytes.length;
    this.#stop = bytes.length;
  }

  get at(): number {
    return this.#at;
  }

  moveTo(at: number): void {
    this.#at = at;
  }

  /** Another text from now on. */
  begin(bytes: Buffer, at: number, end: number): void {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#stop = end;
  }

  /** From now on the text ends so many bytes behind the place, though a number or an escape is read to its end. True if that cuts it. */
  lookAhead(bytesMax: number): boolean {
    this.#end = Math.min(this.#bytes.length, this.#at + bytesMax);
    this.#stop = this.#end;
    return this.#end < this.#bytes.length;
  }

  /** The byte at the place, after white space; -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    const stop = this.#stop;
    let at = this.#at;
    while (at < stop && isSpace(bytes[at]!)) at++;
    this.#at = at;
    return at < stop ? bytes[at]! : -1;
  }

  /** Over white space, of so many bytes at most; false when there is more of it. */
  skipSpace(bytesMax: number): boolean {
    this.#stop = Math.min(this.#end, this.#at + bytesMax);
    const isOver = this.peek() !== -1 || this.#at === this.#end;
    this.#stop = this.#end;
    return isOver;
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
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      const keyAt = this.#at + 1;
      onMember(keyAt, this.takeKey());
    }
  }

  /** Into the object at the place, to its first key. False if it has none: then it is behind it. */
  enterObject(): boolean {
    this.#expect(openBrace, '"{"');
    return !this.#isLeft(closeBrace);
  }

  /** From a key to its value. Returns where the key ends. */
  takeKey(): number {
    if (this.peek() !== quote) throw new JsonSyntaxError(this.#at, 'expected a key');
    this.#at++;
    this.#skipString();
    const keyEnd = this.#at - 1;
    this.expectColon();
    this.peek();
    return keyEnd;
  }

  /** From the end of a key to its value. */
  expectColon(): void {
    this.#expect(colon, '":"');
  }

  /** Behind a member: to the next key. False where the object ends: then it is behind it. */
  nextMember(): boolean {
    if (this.#isLeft(closeBrace)) return false;
    if (this.peek() !== comma) throw new JsonSyntaxError(this.#at, 'expected "," or "}"');
    this.#at++;
    this.peek();
    return true;
  }

  /** Into the array at the place, to its first element. False if it has none: then it is behind it. */
  enterArray(): boolean {
    this.#expect(openBracket, '"["');
    return !this.#isLeft(closeBracket);
  }

  /** Behind an element: to the next one. False where the array ends: then it is behind it. */
  nextElement(): boolean {
    if (this.#isLeft(closeBracket)) return false;
    if (this.peek() !== comma) throw new JsonSyntaxError(this.#at, 'expected "," or "]"');
    this.#at++;
    this.peek();
    return true;
  }

  /** Moves over one value of any kind and any depth. */
  skipValue(): void {
    const byte = this.peek();
    if (byte === openBrace || byte === openBracket) {
      this.beginValue();
      this.#skip();
      return;
    }
    this.depthReached = 0;
    if (byte === quote) {
      this.#at++;
      this.#skipString();
    } else {
      this.#skipLiteral(byte);
    }
  }

  /** Before the first `skipSome`. */
  beginValue(): void {
    if (spare.length > spareBytesMax) spare = new Uint8Array(256);
    this.#open = spare;
    this.#depth = 0;
    this.depthReached = 0;
    this.#next = atValue;
  }

  /** Moves on by so many bytes, and over what is left of a number or an escape then. True when the value is over. */
  skipSome(bytesMax: number): boolean {
    this.#stop = Math.min(this.#end, this.#at + bytesMax);
    const isOver = this.#skip();
    this.#stop = this.#end;
    // Another scan may come before this one goes on.
    if (!isOver && this.#open === spare) spare = new Uint8Array(256);
    return isOver;
  }

  /** From token to token. False where it has come to `#stop` before the end of the value. */
  #skip(): boolean {
    const bytes = this.#bytes;
    const stop = this.#stop;
    let at = this.#at;
    let next = this.#next;
    let depth = this.#depth;
    for (;;) {
      if (next === inString || next === inKey) {
        at = endOfString(bytes, at, stop);
        if (at < 0) {
          at = -at;
          if (stop === this.#end) throw new JsonSyntaxError(at, 'unfinished string');
          break;
        }
        next = next === inKey ? atColon : behindValue;
        if (depth === 0) break;
      }
      while (at < stop && isSpace(bytes[at]!)) at++;
      const byte = at < stop ? bytes[at]! : -1;
      if (byte === -1 && at < this.#end) break;
      if (next === atValue) {
        if (byte === openBrace || byte === openBracket) {
          at++;
          this.#enter(depth++, byte === openBrace ? 1 : 0);
          next = atFirst;
        } else if (byte === quote) {
          at++;
          next = inString;
        } else {
          this.#at = at;
          this.#skipLiteral(byte);
          at = this.#at;
          next = behindValue;
          if (depth === 0) break;
        }
        continue;
      }
      const inObject = this.#open[depth - 1] === 1;
      if (next === atKey) {
        if (byte !== quote) throw new JsonSyntaxError(at, 'expected a key');
        at++;
        next = inKey;
      } else if (next === atColon) {
        if (byte !== colon) throw new JsonSyntaxError(at, 'expected ":"');
        at++;
        next = atValue;
      } else if (byte === (inObject ? closeBrace : closeBracket)) {
        at++;
        next = behindValue;
        if (--depth === 0) break;
      } else if (next === atFirst) {
        next = inObject ? atKey : atValue;
      } else {
        if (byte !== comma) throw new JsonSyntaxError(at, inObject ? 'expected "," or "}"' : 'expected "," or "]"');
        at++;
        next = inObject ? atKey : atValue;
      }
    }
    this.#at = at;
    this.#next = next;
    this.#depth = depth;
    return depth === 0 && next === behindValue;
  }

  #enter(depth: number, isObject: 0 | 1): void {
    if (depth === this.#open.length) {
      const larger = new Uint8Array(depth * 2);
      larger.set(this.#open);
      if (this.#open === spare) spare = larger;
      this.#open = larger;
    }
    this.#open[depth] = isObject;
    if (depth >= this.depthReached) this.depthReached = depth + 1;
  }

  #isLeft(close: number): boolean {
    if (this.peek() !== close) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw new JsonSyntaxError(this.#at, `expected ${what}`);
    this.#at++;
  }

  /** From behind its first quote. */
  #skipString(): void {
    const at = endOfString(this.#bytes, this.#at, this.#stop);
    if (at < 0) throw new JsonSyntaxError(-at, 'unfinished string');
    this.#at = at;
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

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Behind the last quote of a string, from behind its first one on. Negative: the place at or behind `stop` to which it has come without. */
function endOfString(bytes: Buffer, from: number, stop: number): number {
  let at = from;
  while (at < stop) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte < 0x20) throw new JsonSyntaxError(at, 'control character in a string');
    if (byte === backslash) at = endOfEscape(bytes, at);
    else at++;
  }
  return -at;
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
