/**
 * Is memory short? Then new events are refused (503 `overloaded`), while everything that was accepted goes on: each pending event
 * takes some, and a process that the system kills for it takes no events at all.
 *
 * What counts is resident memory against what the process may have: the limit of its container, or the machine's memory. Refusing
 * begins at 80 % and ends at 75 %, so that it does not flicker. Both are read again each time, since a limit may be raised while
 * the process runs.
 */
import { totalmem } from 'node:os';

const refuseAt = 0.8;
const acceptAt = 0.75;
/** Reading costs some 50 us. */
const ageMsMax = 250;

export interface MemoryReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface MemoryGaugeParts {
  readonly monoMs: () => number;
  readonly read?: () => MemoryReading;
  /** Told when it begins, and when it ends. */
  readonly changed: (isShort: boolean, reading: MemoryReading) => void;
}

export class MemoryGauge {
  readonly #parts: MemoryGaugeParts;
  readonly #read: () => MemoryReading;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #isShort = false;

  constructor(parts: MemoryGaugeParts) {
    this.#parts = parts;
    this.#read = parts.read ?? readProcess;
  }

  /** As of a quarter of a second ago. */
  get isShort(): boolean {
    const nowMs = this.#parts.monoMs();
    if (nowMs - this.#readAtMs >= ageMsMax) {
      this.#readAtMs = nowMs;
      this.#judge(this.#read());
    }
    return this.#isShort;
  }

  #judge(reading: MemoryReading): void {
    const share = reading.usedBytes / reading.limitBytes;
    const isShort = this.#isShort ? share >= acceptAt : share >= refuseAt;
    if (isShort === this.#isShort) return;
    this.#isShort = isShort;
    this.#parts.changed(isShort, reading);
  }
}

/** Without a limit Node says 0, or a number beyond any memory. */
function readProcess(): MemoryReading {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return { usedBytes: process.memoryUsage.rss(), limitBytes: limit > 0 && limit < total ? limit : total };
}
