/**
 * Memory for sheaves of new events while another node decides about them, used again.
 *
 * A sheaf is kept until all of its events are answered, in case that it has to be asked for again. In memory of its own it outlives young
 * collections, and only a full one gives it back: a gateway that takes batches had one for every 8 MB that it allocated outside of its heap.
 *
 * Main thread.
 */
const KiB = 1024;
/** A full sheaf of usual events fits. Larger ones have memory of their own, ... */
const pieceBytes = 32 * KiB;
/** ... and so have those that are hardly worth a piece. */
const smallBytes = 4 * KiB;
/** Beyond so many that nobody uses they are given back: 4 MiB. */
const piecesMax = 128;

export class SheafMemory {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** A copy. */
  keep(sheaf: Uint8Array): Uint8Array {
    if (sheaf.length > pieceBytes || sheaf.length < smallBytes) return sheaf.slice();
    const piece = this.#free.pop() ?? new Uint8Array(pieceBytes);
    piece.set(sheaf);
    return piece.subarray(0, sheaf.length);
  }

  /** Nobody looks at what `keep` has returned any more. */
  free(kept: Uint8Array): void {
    const { buffer } = kept;
    if (buffer.byteLength === pieceBytes && this.#free.length < piecesMax) this.#free.push(new Uint8Array(buffer as ArrayBuffer));
  }
}
