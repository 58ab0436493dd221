/**
 * Readers under fire: events that were accepted or delivered lately are asked for again and again. While the retention is not over,
 * from the last sign of an event on, the answer has to be the event.
 *
 * What a reader was told is durable. And reads are a clock that goes as slowly as the server does: they are made one after another.
 */
import { pause } from '../support/deadline.js';
import type { Client, EventAnswer } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import { always, isPutOff, untilAnswered } from './asking.js';
import type { Ledger } from './ledger.js';

export interface ReadersOptions {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly arrivals: () => readonly Arrival[];
  readonly random: () => number;
  readonly retentionMs: number;
  readonly perSecond: number;
}

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
  /** When each of them was asked for and answered, in order. */
  readonly #spans: { readonly fromMs: number; readonly toMs: number }[] = [];
  /** By event and number of the attempt, when it was first told how it has ended. */
  readonly #outcomes = new Map<string, number>();

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

  /** When somebody was told how this attempt has ended; null: nobody was. */
  toldAtMs(id: string, attempt: number): number | null {
    return this.#outcomes.get(`${id} ${attempt}`) ?? null;
  }

  /** How many reads were asked for and answered between two moments. */
  countBetween({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): number {
    return this.#spans.filter((span) => span.fromMs >= fromMs && span.toMs <= toMs).length;
  }

  async #readOften(): Promise<void> {
    while (!this.#stopping) {
      await pause(1_000 / this.#options.perSecond);
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
    await untilAnswered(always, async () => {
      const fromMs = Date.now();
      const answer = await client.event(id);
      const { status, text } = answer;
      const toMs = Date.now();
      const ageMs = toMs - signAtMs;
      if (status === 200) {
        this.reads++;
        this.#spans.push({ fromMs, toMs });
        this.#note(answer.body, toMs);
      }
      if (status !== 200 && !isPutOff(answer) && !(status === 404 && ageMs >= retentionMs))
        ledger.complain(`${id} was answered ${status} ${text}, ${ageMs} ms after a sign of it`);
      return true;
    });
  }

  /** All of its attempts have ended, but for one that is under way. */
  #note({ id, status, attempts }: EventAnswer, atMs: number): void {
    const ended = status === 'DISPATCHED' ? attempts - 1 : attempts;
    const key = `${id} ${ended}`;
    if (ended > 0 && !this.#outcomes.has(key)) this.#outcomes.set(key, atMs);
  }
}
