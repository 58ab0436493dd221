/**
 * Readers under fire: events that were accepted or delivered lately are asked for again and again. While the retention is not over,
 * from the last sign of an event on, the answer has to be the event.
 */
import { pause } from '../support/deadline.js';
import type { Client } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import { isPutOff, untilAnswered } from './asking.js';
import type { Ledger } from './ledger.js';

export interface ReadersOptions {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly arrivals: () => readonly Arrival[];
  readonly random: () => number;
  readonly retentionMs: number;
}

const readEveryMs = 20;
/** Chosen among so many of the newest. */
const newest = 2_000;

interface Chosen {
  readonly id: string;
  /** The last sign of it that there was. */
  readonly signAtMs: number;
}

export class Readers {
  readonly #options: ReadersOptions;
  #reading: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Answered with the event. */
  reads = 0;

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  start(): void {
    this.#reading = this.#readOften();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#reading;
  }

  async #readOften(): Promise<void> {
    while (!this.#stopping) {
      await pause(readEveryMs);
      const chosen = this.#choose();
      if (chosen !== null) await this.#read(chosen);
    }
  }

  #choose(): Chosen | null {
    const { arrivals, ledger, random } = this.#options;
    const pick = <Item>(items: readonly Item[]): Item | undefined =>
      items[items.length - 1 - Math.floor(random() * Math.min(items.length, newest))];
    if (random() < 0.5) {
      const arrival = pick(arrivals());
      return arrival === undefined ? null : { id: arrival.id, signAtMs: arrival.atMs };
    }
    const entry = pick(ledger.entries);
    const [id] = entry?.ids ?? [];
    return id === undefined ? null : { id, signAtMs: entry!.freshAtMs };
  }

  async #read({ id, signAtMs }: Chosen): Promise<void> {
    const { client, ledger, retentionMs } = this.#options;
    await untilAnswered(true, async () => {
      const answer = await client.event(id);
      const { status, text } = answer;
      const ageMs = Date.now() - signAtMs;
      if (status === 200) this.reads++;
      else if (!isPutOff(answer) && !(status === 404 && ageMs >= retentionMs))
        ledger.complain(`${id} was answered ${status} ${text}, ${ageMs} ms after a sign of it`);
      return true;
    });
  }
}
