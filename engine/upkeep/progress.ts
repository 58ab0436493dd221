/** Says how far a long work is, about once a second; a short one says nothing. */
import type { Clock } from '../kernel/clock.js';

/** One line for an operator. */
export type Say = (line: string) => void;

const everyMs = 1_000;

export class Progress {
  readonly #what: string;
  readonly #totalBytes: number;
  readonly #say: Say;
  readonly #clock: Pick<Clock, 'monoMs'>;
  #doneBytes = 0;
  #saidAtMs: number;

  constructor({
    what,
    totalBytes,
    say,
    clock,
  }: { readonly what: string; readonly totalBytes: number; readonly say: Say; readonly clock: Pick<Clock, 'monoMs'> }) {
    this.#what = what;
    this.#totalBytes = totalBytes;
    this.#say = say;
    this.#clock = clock;
    this.#saidAtMs = clock.monoMs();
  }

  /** So many bytes more are done. */
  add(bytes: number): void {
    this.#doneBytes += bytes;
    const now = this.#clock.monoMs();
    if (now - this.#saidAtMs < everyMs) return;
    this.#saidAtMs = now;
    const percent = this.#totalBytes === 0 ? 100 : Math.min(100, Math.floor((this.#doneBytes / this.#totalBytes) * 100));
    this.#say(`${this.#what}: ${percent} % of ${inMebibytes(this.#totalBytes)}`);
  }
}

export function inMebibytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
}
