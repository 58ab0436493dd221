/**
 * JSON as it is written, byte by byte, one value behind the other into memory that is used again.
 *
 * What has been written stays as it is for as long as `bytes` is the same object, so that values may be compared with those before them. When
 * `turnBytes` are full the next value begins at the front, and `bytes` is another object over the same memory. Whoever keeps a value for longer than
 * up to the next `begin` copies it.
 */
import { putWhole } from '../../http/json-put.js';

/** Longer as JSON than it may be. */
export class JsonTooLongError extends Error {
  override readonly name = 'JsonTooLongError';
}

/** What the processor's nearest caches hold; some 200 events. */
const turnBytes = 64 * 1024;
const wholeCharsMax = 16;
const escapes: Readonly<Record<number, string>> = { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r', 34: '\\"', 92: '\\\\' };

export class JsonBytes {
  bytes: Buffer = Buffer.alloc(0);
  /** Where the value begins, and where what has been written of it ends. */
  start = 0;
  end = 0;
  readonly #valueBytesMax: number;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** The value ends here at the latest. */
  #stop = 0;

  constructor(valueBytesMax: number) {
    this.#valueBytesMax = valueBytesMax;
  }

  /** The next value. */
  begin(): void {
    if (this.bytes.length === 0) {
      this.bytes = Buffer.allocUnsafeSlow(turnBytes + this.#valueBytesMax);
      this.#view = new DataView(this.bytes.buffer);
    }
    if (this.end > turnBytes) {
      this.bytes = Buffer.from(this.bytes.buffer);
      this.end = 0;
    }
    this.start = this.end;
    this.#stop = this.start + this.#valueBytesMax;
  }

  byte(byte: number): void {
    if (this.end === this.#stop) throw this.#tooLong();
    this.bytes[this.end++] = byte;
  }

  ascii(text: string): void {
    this.#room(text.length);
    for (let at = 0; at < text.length; at++) this.bytes[this.end++] = text.charCodeAt(at);
  }

  /** As `String` writes it. */
  number(value: number): void {
    if (value >= 0 && Number.isSafeInteger(value) && this.#stop - this.end >= wholeCharsMax) {
      this.end = putWhole(value, this.bytes, this.end);
    } else this.ascii(String(value));
  }

  /**
   * A text that lies in `from`; false, and it is not written, if it is not all ASCII without escapes, or too long. Most texts are short, and one
   * loop takes less than a single call to copy or to check them; four bytes at a time, as one by one writing down an event takes a third longer.
   */
  plainText(from: DataView, textAt: number, textEnd: number): boolean {
    const view = this.#view;
    const by = this.end + 1 - textAt;
    if (textEnd + by >= this.#stop) return false;
    let at = textAt;
    for (; at + 4 <= textEnd; at += 4) {
      const four = from.getInt32(at);
      if (!isPlain(four)) return false;
      view.setInt32(at + by, four);
    }
    for (; at < textEnd; at++) {
      const byte = from.getUint8(at);
      if (!isPlain(spaces | byte)) return false;
      view.setUint8(at + by, byte);
    }
    view.setUint8(this.end, 0x22);
    view.setUint8(textEnd + by, 0x22);
    this.end = textEnd + by + 1;
    return true;
  }

  /** `text`: valid UTF-8. Copied in stretches between what has to be escaped. */
  text(text: Buffer): void {
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

  #copy(text: Buffer, from: number, to: number): void {
    this.#room(to - from);
    this.end += text.copy(this.bytes, this.end, from, to);
  }

  #room(more: number): void {
    if (this.end + more > this.#stop) throw this.#tooLong();
  }

  #tooLong(): JsonTooLongError {
    return new JsonTooLongError(`as JSON it has more than ${this.#valueBytesMax} bytes`);
  }
}

/** In front of a byte that is looked at alone. */
const spaces = 0x20202000;

/** Whether four bytes are ASCII, and none of them a control character, a quote or a backslash. */
function isPlain(four: number): boolean {
  const belowSpace = four - 0x20202020;
  return ((four | belowSpace | zerosIn(four ^ 0x22222222) | zerosIn(four ^ 0x5c5c5c5c)) & 0x80808080) === 0;
}

/** The highest bit of a byte is set where it is zero, if no byte has it set; the borrow of one may reach the next, so only whether there is any counts. */
function zerosIn(four: number): number {
  return (four - 0x01010101) & ~four;
}
