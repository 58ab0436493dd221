/**
 * Producers under fire: lanes that post single events and batches at a given rate, and repeat what has a key when its answer was
 * lost. What becomes of an event later is the operators' affair.
 *
 * A name is free again when its event has gone, so where events go nothing is repeated later than half of their retention.
 *
 * A lane works on one request at a time. While the server is down it waits for the next process; nothing was sent then.
 */
import { pause } from '../support/deadline.js';
import type { Client, HttpAnswer } from '../support/http.js';
import { AnswerLost, always, isOutcomeUnknown, isPutOff, untilAnswered } from './asking.js';
import type { Entry, Ledger } from './ledger.js';
import type { Operators } from './operators.js';
import { type Fate, planEvent } from './plan.js';

export interface ProducersOptions {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly urlOf: (fate: Fate) => string;
  readonly lanes: number;
  /** Over all lanes. */
  readonly eventsPerSecond: number;
  /** How long events stay when they have finished. */
  readonly retentionMs: number;
  /** Several nodes: 202 is an answer, too. */
  readonly isCluster: boolean;
  readonly operators: Pick<Operators, 'accepted'>;
}

const batchMax = 40;
const batchShare = 0.25;
const aheadMsMax = 3_000;

export class Producers {
  readonly #options: ProducersOptions;
  readonly #lanes: Promise<void>[] = [];
  #next = 0;
  #stopping = false;
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor(options: ProducersOptions) {
    this.#options = options;
  }

  start(): void {
    for (let lane = 0; lane < this.#options.lanes; lane++) this.#lanes.push(this.#produce());
  }

  /** Resolves when every keyed event has its answer, or may not be asked for again. The server must be up. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stop();
    await Promise.all(this.#lanes);
  }

  async #produce(): Promise<void> {
    const { random, lanes, eventsPerSecond } = this.#options;
    const meanEvents = 1 - batchShare + (batchShare * (batchMax + 1)) / 2;
    const everyMs = (1_000 * lanes * meanEvents) / eventsPerSecond;
    let nextAtMs = performance.now() + random() * everyMs;
    while (!this.#stopping) {
      // At a low rate a lane rests for many seconds.
      await Promise.race([pause(Math.max(0, nextAtMs - performance.now())), this.#stopped]);
      if (this.#stopping) return;
      // A lane that was held up by a restart does not make up for it: a burst would only test the burst.
      nextAtMs = Math.max(nextAtMs + everyMs, performance.now());
      if (random() < batchShare) await this.#postBatch(1 + Math.floor(random() * batchMax));
      else await this.#postSingle();
    }
  }

  #plan(single: boolean): Entry {
    const { random, urlOf, ledger, retentionMs } = this.#options;
    const mayPut = retentionMs === Number.POSITIVE_INFINITY;
    return ledger.open(planEvent({ n: this.#next++, random, urlOf, single, aheadMsMax, mayPut }));
  }

  async #postSingle(): Promise<void> {
    const { client, ledger } = this.#options;
    const entry = this.#plan(true);
    const { plan } = entry;
    const headers: Record<string, string> = plan.key === 'idempotency' ? { 'idempotency-key': `key-${plan.n}` } : {};
    const mayRepeat = (): boolean => this.#mayRepeat(entry);
    await untilAnswered(mayRepeat, async (hadUnknown) => {
      const answer = await client.schedule(plan.body, headers);
      if (this.#isAccepted(answer)) {
        if (answer.status === 200 && !hadUnknown) ledger.complain(`n ${plan.n}: a first request was answered as a replay`);
        this.#accepted(entry, { ...answer.body, isRepeat: answer.status === 200 });
        return true;
      }
      return this.#heedRefusal({ answer, entries: [entry], hadUnknown });
    });
  }

  async #postBatch(count: number): Promise<void> {
    const { client, ledger } = this.#options;
    const entries = Array.from({ length: count }, () => this.#plan(false));
    // Whether the rest of it was stored is not known after a lost answer, so only a batch of keyed events may be repeated.
    const mayRepeat = (): boolean => entries.every((entry) => this.#mayRepeat(entry));
    await untilAnswered(mayRepeat, async (hadUnknown) => {
      const answer = await client.batch(entries.map(({ plan }) => plan.body));
      if (answer.status !== 200) return this.#heedRefusal({ answer, entries, hadUnknown });
      for (const { index, id, status, duplicate = false, code } of answer.body.results) {
        if (id !== undefined) this.#accepted(entries[index]!, { id, status: status!, isRepeat: duplicate });
        else if (code !== 'outcome-unknown') ledger.refused(entries[index]!, hadUnknown);
      }
      return true;
    });
    const isWhole = entries.every(({ plan }) => plan.key !== null);
    if (!isWhole) await this.#repeatLost(entries.filter(({ plan, standing }) => plan.key !== null && standing === 'unknown'));
  }

  /** Those of a lost batch that have an external id are asked for again one by one. */
  async #repeatLost(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      await untilAnswered(always, async () => {
        if (!this.#mayRepeat(entry)) return true;
        const answer = await this.#options.client.schedule(entry.plan.body);
        if (this.#isAccepted(answer)) this.#accepted(entry, { ...answer.body, isRepeat: answer.status === 200 });
        return answer.status < 500;
      });
    }
  }

  #mayRepeat({ plan, sentAtMs }: Entry): boolean {
    return plan.key !== null && Date.now() - sentAtMs < this.#options.retentionMs / 2;
  }

  #heedRefusal({
    answer,
    entries,
    hadUnknown,
  }: {
    answer: HttpAnswer<{ readonly code: string }>;
    entries: readonly Entry[];
    hadUnknown: boolean;
  }): boolean {
    const { ledger } = this.#options;
    if (isOutcomeUnknown(answer)) throw new AnswerLost();
    if (!isPutOff(answer)) ledger.complain(`n ${entries[0]!.plan.n}: unexpected ${answer.status} ${answer.text}`);
    for (const entry of entries) ledger.refused(entry, hadUnknown);
    return true;
  }

  #isAccepted({ status }: HttpAnswer<unknown>): boolean {
    return status === 201 || status === 200 || (status === 202 && this.#options.isCluster);
  }

  #accepted(
    entry: Entry,
    { id, status, isRepeat }: { readonly id: string; readonly status: string; readonly isRepeat: boolean },
  ): void {
    this.#options.ledger.accepted(entry, { id, isKept: status === 'ACCEPTED', isRepeat });
    this.#options.operators.accepted(entry, id);
  }
}
