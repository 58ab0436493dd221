/** One line of a script, taken in word by word. Throws ScriptError, which names what was expected there. */

export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(line: string) {
    this.#words = line.split(/\s+/).filter((word) => word !== '');
  }

  get hasMore(): boolean {
    return this.#at < this.#words.length;
  }

  /** The next word, whatever it is. `expected` is for the message when there is none. */
  next(expected: string): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new ScriptError(`expected ${expected}, found the end of the line`);
    return word;
  }

  /** Takes `word` if it comes next. */
  takes(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  one<Choice extends string>(choices: readonly Choice[]): Choice {
    const word = this.next(`one of ${choices.join(', ')}`);
    const choice = choices.find((each) => each === word);
    if (choice === undefined) throw new ScriptError(`expected one of ${choices.join(', ')}, found ${word}`);
    return choice;
  }

  integer(): number {
    const word = this.next('a number');
    if (!/^\d+$/.test(word)) throw new ScriptError(`expected a number, found ${word}`);
    return Number(word);
  }

  /** `250ms`, `5s`, `2h`. */
  durationMs(): number {
    const word = this.next('a duration');
    const ms = durationOf(word);
    if (ms === null) throw new ScriptError(`expected a duration like 5s, found ${word}`);
    return ms;
  }

  /** `+5s`, `-1h`: as seen from where the story begins. */
  instantMs(): number {
    const word = this.next('an instant');
    const ms = /^[+-]/.test(word) ? durationOf(word.slice(1)) : null;
    if (ms === null) throw new ScriptError(`expected an instant like +5s, found ${word}`);
    return word.startsWith('-') ? -ms : ms;
  }

  /** Everything up to the end of the line. */
  rest(): string[] {
    const rest = this.#words.slice(this.#at);
    this.#at = this.#words.length;
    return rest;
  }

  end(): void {
    if (this.hasMore) throw new ScriptError(`expected the end of the line, found ${this.rest().join(' ')}`);
  }
}

function durationOf(word: string): number | null {
  const [, digits, unit] = /^(\d+)([a-z]+)$/.exec(word) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  return unitMs === undefined ? null : Number(digits) * unitMs;
}
