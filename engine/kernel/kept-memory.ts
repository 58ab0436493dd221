/**
 * Memory for bytes that are kept for a while, used again: sheaves of new events while another node decides about them, messages until what is in
 * them is durable.
 *
 * In memory of its own such a thing outlives young collections, and only a full one gives it back: a gateway that takes batches had one for every
 * 8 MB that it allocated outside of its heap.
 *
 * Pieces have sizes of powers of two. Owned by one thread.
 */
const KiB = 1024;
/** What is smaller is hardly worth a piece, ... */
const pieceBytesMin = 4 * KiB;
/** ... and what is larger is rare. Both have memory of their own. */
const pieceBytesMax = 1024 * KiB;

export class KeptMemory {
  readonly #freeBytesMax: number;
  /** By the exponent of their size. */
  readonly #free: Uint8Array<ArrayBuffer>[][] = Array.from({ length: exponentOf(pieceBytesMax) + 1 }, () => []);
  #freeBytes = 0;

  /** Pieces that nobody uses are given back beyond so many bytes of them. */
  constructor(freeBytesMax: number) {
    this.#freeBytesMax = freeBytesMax;
  }

  /** A copy. */
  keep(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    if (bytes.length < pieceBytesMin || bytes.length > pieceBytesMax) return bytes.slice();
    const exponent = exponentOf(bytes.length);
    const free = this.#free[exponent]!.pop();
    if (free !== undefined) this.#freeBytes -= free.length;
    const piece = free ?? new Uint8Array(2 ** exponent);
    piece.set(bytes);
    return piece.subarray(0, bytes.length);
  }

  /** Nobody looks at what `keep` has returned any more. */
  free(kept: Uint8Array): void {
    const exponent = exponentOf(kept.length);
    const piece = new Uint8Array(kept.buffer as ArrayBuffer);
    const isPiece = kept.length >= pieceBytesMin && kept.length <= pieceBytesMax && piece.length === 2 ** exponent;
    if (!isPiece || this.#freeBytes + piece.length > this.#freeBytesMax) return;
    this.#freeBytes += piece.length;
    this.#free[exponent]!.push(piece);
  }
}

/** Of the smallest power of two that is not smaller. */
function exponentOf(bytes: number): number {
  return 32 - Math.clz32(bytes - 1);
}
