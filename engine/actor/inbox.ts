/** What has come and waits for its turn, in order. Read in steps, so that whoever reads can look at the clock between them. */
export class Inbox<Item> {
  readonly #step: number;
  readonly #weightOf: (item: Item) => number;
  #items: Item[] = [];
  #head = 0;

  /** `step`: items taken between two looks at the clock; an item may weigh as much as several. */
  constructor(step: number, weightOf: (item: Item) => number = () => 1) {
    this.#step = step;
    this.#weightOf = weightOf;
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
      for (let weight = 0; weight < this.#step && !this.isEmpty; ) {
        const item = this.#items[this.#head++]!;
        weight += this.#weightOf(item);
        take(item);
      }
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
