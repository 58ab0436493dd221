/** What stands in MessagePack, one head after the other: which kind of value begins there, and how much of it follows. */

/** Not MessagePack: `at` is the offset of the byte that does not fit. */
export class MsgpackSyntaxError extends Error {
  override readonly name = 'MsgpackSyntaxError';

  constructor(at: number, what: string) {
    super(`${what} at byte ${at}`);
  }
}

/** What the head of a value announces. */
export type Kind = 'map' | 'array' | 'text' | 'literal' | 'foreign';

export class MsgpackHeads {
  readonly bytes: Buffer;
  /** The same bytes. */
  readonly view: DataView;
  at = 0;
  // What the last head said, besides its kind. Fields and no object, as there may be 32 million heads in a body.
  /** The head's own byte. */
  first = 0;
  /** Members of a container; bytes behind the head that belong to its value. */
  length = 0;
  /** What a foreign value is. */
  said = '';

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The place is behind the head then, in front of the bytes or members that it announces. */
  next(): Kind {
    const first = this.bytes[this.at];
    if (first === undefined) throw this.#tooEarly();
    this.at++;
    this.first = first;
    if (first < 0x80 || first >= 0xe0) return this.#announce('literal', 0);
    if (first < 0x90) return this.#announce('map', first & 0x0f);
    if (first < 0xa0) return this.#announce('array', first & 0x0f);
    if (first < 0xc0) return this.#announce('text', first & 0x1f);
    return this.#long(first);
  }

  /** Over bytes of the value. */
  move(length: number): void {
    if (this.at + length > this.bytes.length) throw this.#tooEarly();
    this.at += length;
  }

  #long(first: number): Kind {
    if (first === 0xc1) throw new MsgpackSyntaxError(this.at - 1, 'a byte that means nothing');
    if (first <= 0xc3) return this.#announce('literal', 0);
    if (first <= 0xc6) return this.#foreign('bytes', this.#unsigned(1 << (first - 0xc4)));
    if (first <= 0xc9) return this.#foreign(extension, this.#unsigned(1 << (first - 0xc7)) + 1);
    if (first <= 0xcb) return this.#fraction(first === 0xca ? 4 : 8);
    if (first <= 0xcf) return this.#announce('literal', 1 << (first - 0xcc));
    if (first <= 0xd3) return this.#announce('literal', 1 << (first - 0xd0));
    if (first <= 0xd8) return this.#foreign(extension, (1 << (first - 0xd4)) + 1);
    if (first <= 0xdb) return this.#announce('text', this.#unsigned(1 << (first - 0xd9)));
    if (first <= 0xdd) return this.#announce('array', this.#unsigned(2 << (first - 0xdc)));
    return this.#announce('map', this.#unsigned(2 << (first - 0xde)));
  }

  #announce(kind: Kind, length: number): Kind {
    this.length = length;
    return kind;
  }

  #foreign(what: string, length: number): Kind {
    this.said = what;
    return this.#announce('foreign', length);
  }

  #fraction(length: number): Kind {
    if (this.at + length > this.bytes.length) throw this.#tooEarly();
    const value = length === 4 ? this.bytes.readFloatBE(this.at) : this.bytes.readDoubleBE(this.at);
    return Number.isFinite(value) ? this.#announce('literal', length) : this.#foreign(String(value), length);
  }

  /** Of 1, 2 or 4 bytes. */
  #unsigned(length: number): number {
    const { at, bytes } = this;
    this.move(length);
    if (length === 1) return bytes[at]!;
    return length === 2 ? bytes.readUInt16BE(at) : bytes.readUInt32BE(at);
  }

  #tooEarly(): MsgpackSyntaxError {
    return new MsgpackSyntaxError(this.bytes.length, 'it ends too early');
  }
}

const extension = 'extension types: write instants as text';
