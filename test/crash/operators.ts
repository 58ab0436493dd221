/**
 * Operators under fire: what is asked for of events that were accepted (change, put, fire, cancel, retry), cancels by filter of all
 * that is far ahead, and a destination that is paused and resumed.
 *
 * A request whose answer was lost is repeated until there is one; what is noted is only what was answered.
 */
import { pause } from '../support/deadline.js';
import type { Client, HttpAnswer } from '../support/http.js';
import { AnswerLost, always, isOutcomeUnknown, isPutOff, untilAnswered } from './asking.js';
import type { Entry, Ledger } from './ledger.js';
import { changedPayload, farGroups, farTypeOf } from './plan.js';

export interface OperatorsOptions {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly random: () => number;
  /** How long what has finished can be asked for. */
  readonly retentionMs: number;
  /** The origin that is paused now and then. */
  readonly heldUrl: string;
  /** Several nodes: one that was asked may not know what another one did. */
  readonly isCluster: boolean;
}

const sweepEveryMs = 700;
const holdMs = [100, 1_200] as const;
const betweenHoldsMs = 400;
/** While it is not finished yet. */
const reviveAgainMs = 200;
/** Whatever is killed: nothing takes so long to end. */
const reviveMsMax = 180_000;

export class Operators {
  readonly #options: OperatorsOptions;
  readonly #under = new Set<Promise<void>>();
  #rounds: Promise<void>[] = [];
  #stopping = false;

  constructor(options: OperatorsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds = [this.#sweepOften(), this.#holdOften()];
  }

  /** When nothing more will be accepted. Resolves when all has been asked for, nothing is held and nothing is far. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#rounds);
    while (this.#under.size > 0) await Promise.all(this.#under);
    for (let group = 0; group < farGroups; group++) await this.#sweep(group);
  }

  accepted(entry: Entry, id: string): void {
    const { plan, fireAskedAtMs, cancelAsked, changedAtMs, revival } = entry;
    if (plan.changeAfterMs !== null && changedAtMs === null) this.#later(plan.changeAfterMs, () => this.#change(entry, id));
    if (plan.fireAfterMs !== null && fireAskedAtMs === null) this.#later(plan.fireAfterMs, () => this.#fire(entry, id));
    if (plan.cancelAfterMs !== null && !cancelAsked) {
      entry.cancelAsked = true;
      this.#later(plan.cancelAfterMs, () => this.#cancel(entry, id));
    } else if (plan.reviveAfterMs !== null && plan.cancelAfterMs === null && revival === null) {
      this.#later(plan.reviveAfterMs, () => this.#revive(entry, id));
    }
  }

  #later(afterMs: number, ask: () => Promise<void>): void {
    const asking = pause(afterMs).then(ask);
    this.#under.add(asking);
    void asking.finally(() => this.#under.delete(asking));
  }

  async #change(entry: Entry, id: string): Promise<void> {
    const { client } = this.#options;
    const { plan } = entry;
    const payload = changedPayload(plan);
    const put = (): Promise<HttpAnswer<unknown>> =>
      client.put(`/api/v1/events/external/job-${plan.n}?source=torture`, { ...plan.body, payload });
    await untilAnswered(always, async () => {
      const answer = await (plan.changeBy === 'put' ? put() : client.change(id, { payload }));
      if (this.#heed(entry, plan.changeBy, answer)) entry.changedAtMs = Date.now();
      return true;
    });
  }

  async #fire(entry: Entry, id: string): Promise<void> {
    entry.fireAskedAtMs ??= Date.now();
    await untilAnswered(always, async () => {
      if (this.#heed(entry, 'fire', await this.#options.client.fire(id))) entry.isFired = true;
      return true;
    });
  }

  async #cancel(entry: Entry, id: string): Promise<void> {
    const { client } = this.#options;
    await untilAnswered(always, async () => {
      if (this.#heed(entry, 'cancel', await client.cancel(id))) entry.cancelled = { atMs: Date.now() };
      return true;
    });
    const { reviveAfterMs } = entry.plan;
    if (entry.cancelled === null || reviveAfterMs === null) return;
    await pause(reviveAfterMs);
    await this.#revive(entry, id);
  }

  /** Until it has been: what is to be refused has to be DEAD before. */
  async #revive(entry: Entry, id: string): Promise<void> {
    const { client, ledger } = this.#options;
    const revival = { askedAtMs: Date.now(), asked: 0, answered: 0 };
    entry.revival = revival;
    for (let isOver = false; !isOver; ) {
      if (Date.now() - revival.askedAtMs > reviveMsMax) {
        ledger.complain(`n ${entry.plan.n}: it does not come to an end that can be retried, in ${reviveMsMax} ms`);
        return;
      }
      await untilAnswered(always, async () => {
        revival.asked++;
        const answer = await client.retry(id);
        if (this.#heed(entry, 'retry', answer)) revival.answered++;
        // A lost answer may have been a 200: then it is pending again, or has finished once more.
        isOver =
          answer.status === 200 ||
          (answer.status === 409 && (entry.cancelled !== null || answer.body.code === 'already-finished'));
        return true;
      });
      if (!isOver) await pause(reviveAgainMs);
    }
  }

  /** True for a 200. A refusal that is allowed promises nothing. */
  #heed(entry: Entry, what: string, answer: HttpAnswer<unknown>): boolean {
    const { ledger, retentionMs } = this.#options;
    const { status, text } = answer;
    this.#heedLoss(answer);
    const mayBeGone = Date.now() - entry.freshAtMs >= retentionMs;
    if (status !== 200 && status !== 409 && !isPutOff(answer) && !(status === 404 && mayBeGone))
      ledger.complain(`n ${entry.plan.n}: ${what} was answered ${status} ${text}`);
    return status === 200;
  }

  #heedLoss(answer: HttpAnswer<unknown>): void {
    if (this.#options.isCluster && isOutcomeUnknown(answer)) throw new AnswerLost();
  }

  async #sweepOften(): Promise<void> {
    const { random } = this.#options;
    while (!this.#stopping) {
      await pause(random() * 2 * sweepEveryMs);
      // The first group stays until the end, and grows old.
      await this.#sweep(1 + Math.floor(random() * (farGroups - 1)));
    }
  }

  async #sweep(group: number): Promise<void> {
    const { client, ledger } = this.#options;
    await untilAnswered(always, async () => {
      const sentAtMs = Date.now();
      const answer = await client.post<SweepAnswer>('/api/v1/events/cancel', {
        filter: { type: farTypeOf(group), status: ['SCHEDULED', 'RETRYING'] },
      });
      const { status, body, text } = answer;
      this.#heedLoss(answer);
      if (isPutOff(answer)) return false;
      if (status !== 200) {
        ledger.complain(`a cancel by filter was answered ${status} ${text}`);
        return true;
      }
      if (body.changed > body.matched) ledger.complain(`a cancel by filter changed ${body.changed} of ${body.matched}`);
      ledger.swept += body.changed;
      if (body.has_more) return false;
      ledger.sweeps.push({ group, sentAtMs, answeredAtMs: Date.now() });
      return true;
    });
  }

  async #holdOften(): Promise<void> {
    const { ledger, random } = this.#options;
    const [from, to] = holdMs;
    while (!this.#stopping) {
      await pause(random() * 2 * betweenHoldsMs);
      await this.#setPaused(true);
      const fromMs = Date.now();
      await pause(from + random() * (to - from));
      ledger.holds.push({ fromMs, toMs: Date.now() });
      await this.#setPaused(false);
    }
  }

  async #setPaused(paused: boolean): Promise<void> {
    const { client, ledger, heldUrl } = this.#options;
    await untilAnswered(always, async () => {
      const answer = await client.patch(`/api/v1/destinations/${encodeURIComponent(heldUrl)}`, { paused });
      this.#heedLoss(answer);
      if (isPutOff(answer)) return false;
      if (answer.status !== 200) ledger.complain(`paused: ${paused} was answered ${answer.status} ${answer.text}`);
      return true;
    });
  }
}

interface SweepAnswer {
  readonly matched: number;
  readonly changed: number;
  readonly has_more: boolean;
}
