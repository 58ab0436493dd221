/**
 * Open files, at most so many: the one used longest ago is closed for the next. A partition may have hundreds of segments,
 * and a process a few hundred descriptors.
 */
export class HandleCache<Handle extends { close(): void }> {
  readonly #handles = new Map<string, Handle>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The handle of `path`, opened if it is not open. Do not keep it beyond the current call. */
  get(path: string, open: () => Handle): Handle {
    const known = this.#handles.get(path);
    if (known !== undefined) {
      // A Map is ordered by insertion: what is used moves to its end.
      this.#handles.delete(path);
      this.#handles.set(path, known);
      return known;
    }
    const opened = open();
    for (const oldest of this.#handles.keys()) {
      if (this.#handles.size < this.#max) break;
      this.drop(oldest);
    }
    this.#handles.set(path, opened);
    return opened;
  }

  drop(path: string): void {
    const handle = this.#handles.get(path);
    if (handle === undefined) return;
    this.#handles.delete(path);
    handle.close();
  }

  close(): void {
    for (const path of [...this.#handles.keys()]) this.drop(path);
  }
}
