/** JSON as it is written, byte by byte into memory that grows up to a bound. */

/** Longer as JSON than it may be. */
export class JsonTooLongError extends Error {
  override readonly name = 'JsonTooLongError';
}

const escapes: Readonly<Record<number, string>> = { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r', 34: '\\"', 92: '\\\\' };

export class JsonBytes {
  readonly #bytesMax: number;
  #bytes = Buffer.allocUnsafe(512);
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  byte(byte: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  ascii(text: string): void {
    this.#room(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  /** `text`: valid UTF-8. Copied in stretches between what has to be escaped. */
  quoted(text: Buffer): void {
    this.byte(0x22);
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const byte = text[at]!;
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
      this.#copy(text, from, at);
      this.ascii(escapes[byte] ?? `\\u${byte.toString(16).padStart(4, '0')}`);
      from = at + 1;
    }
    this.#copy(text, from, text.length);
    this.byte(0x22);
  }

  /** A copy of its own length. */
  taken(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #copy(text: Buffer, from: number, to: number): void {
    this.#room(to - from);
    this.#length += text.copy(this.#bytes, this.#length, from, to);
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#bytesMax) throw new JsonTooLongError(`as JSON it has more than ${this.#bytesMax} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(needed, 2 * this.#bytes.length)));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
