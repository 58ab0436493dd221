/** What has come and waits for its turn, in order. Read in steps, so that whoever reads can look at the clock between them. */
export class Inbox<Item> {
  readonly #step: number;
  #items: Item[] = [];
  #head = 0;

  /** `step`: items taken between two looks at the clock. */
  constructor(step: number) {
    this.#step = step;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Takes one step, and more until `isOver`. */
  read(take: (item: Item) => void, isOver: () => boolean): void {
    while (!this.isEmpty) {
      const end = Math.min(this.#head + this.#step, this.#items.length);
      while (this.#head < end) take(this.#items[this.#head++]!);
      if (isOver()) break;
    }
    this.#forgetTaken();
  }

  /** Not at every turn: each time costs what is left. */
  #forgetTaken(): void {
    if (this.isEmpty) this.#items = [];
    else if (this.#head * 2 > this.#items.length) this.#items = this.#items.slice(this.#head);
    else return;
    this.#head = 0;
  }
}
