/**
 * Sheets that are used again. A batch of 1,000 fills 0.4 MB, and memory outside of the heap that comes and goes at that rate has the
 * collector mark the whole heap several times a second.
 */
import { SpecSheet } from '../../../engine/index.js';

/** As many as are being filled at once as a rule; each keeps two MiB at most. */
const sheetsKeptMax = 8;

export class SheetStock {
  readonly #sheets: SpecSheet[] = [];

  /** An empty one. */
  take(): SpecSheet {
    return this.#sheets.pop() ?? new SpecSheet();
  }

  /** It is nobody's any more. */
  giveBack(sheet: SpecSheet): void {
    sheet.clear();
    if (this.#sheets.length < sheetsKeptMax) this.#sheets.push(sheet);
  }
}
