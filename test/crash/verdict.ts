/**
 * The accepted set against the delivered set, and every promise by its own name.
 *
 * A `kill -9` explains one thing only: an attempt that was under way at that moment, or whose outcome was not yet on disk,
 * is made again under the same number and the same `webhook-id`. Everything else has to be as if nothing had happened.
 */
import type { EventAnswer, HistoryAnswer } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import type { Entry, Ledger } from './ledger.js';
import { refusedRetries, retryAfterMs } from './plan.js';

/** What the server says of an event at the end. */
export interface LastWord {
  readonly status: number;
  readonly event: EventAnswer;
  readonly history: readonly HistoryAnswer[];
}

/** One process of the server. */
export interface Life {
  readonly startedAtMs: number;
  /** Null for the last one. */
  readonly killedAtMs: number | null;
}

export interface Evidence {
  readonly ledger: Ledger;
  readonly arrivals: readonly Arrival[];
  readonly lives: readonly Life[];
  /** By id, for every id that an answer or a webhook has named. */
  readonly lastWords: ReadonlyMap<string, LastWord>;
}

export interface Figures {
  readonly accepted: number;
  readonly refused: number;
  readonly unknown: number;
  readonly unknownCarriedOut: number;
  readonly delivered: number;
  readonly cancelled: number;
  readonly dead: number;
  readonly expired: number;
  readonly arrivals: number;
  /** Attempts that were made again after a kill. */
  readonly duplicates: number;
  /** Of those that had been answered: how long before the kill, at most. */
  readonly lostOutcomeAgeMsMax: number;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly figures: Figures;
}

/**
 * An answered attempt may be made again if its outcome was not durable when the kill came. That takes one group commit,
 * some milliseconds; a machine that is busy with other tests may take its time.
 */
const outcomeDurableWithinMs = 2_000;

const nextStatuses: Readonly<Record<string, readonly string[]>> = {
  SCHEDULED: ['SCHEDULED', 'DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DISPATCHED: ['DELIVERED', 'RETRYING', 'DEAD'],
  RETRYING: ['RETRYING', 'DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DELIVERED: [],
  DEAD: [],
  CANCELLED: [],
  EXPIRED: [],
};

export function judge(evidence: Evidence): Verdict {
  const court = new Court(evidence);
  for (const entry of evidence.ledger.entries) court.hear(entry);
  return court.verdict();
}

class Court {
  readonly #evidence: Evidence;
  readonly #arrivalsOf = new Map<number, Arrival[]>();
  readonly #violations: string[];
  readonly #ends: Record<string, number> = {};
  #unknownCarriedOut = 0;
  #duplicates = 0;
  #lostOutcomeAgeMsMax = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#violations = [...evidence.ledger.complaints];
    for (const arrival of evidence.arrivals) {
      const n = numberOf(arrival);
      const known = this.#arrivalsOf.get(n);
      if (known === undefined) this.#arrivalsOf.set(n, [arrival]);
      else known.push(arrival);
    }
  }

  hear(entry: Entry): void {
    const { plan, standing } = entry;
    const arrivals = this.#arrivalsOf.get(plan.n) ?? [];
    const ids = new Set([...entry.ids, ...arrivals.map(({ id }) => id)]);
    const accuse = (text: string): void =>
      this.#accuse(`n ${plan.n} (${plan.fate}, ${[...ids].join(' and ') || 'no id'}): ${text}`);
    if (ids.size > 1) accuse('one request led to more than one event');
    if (standing === 'refused' && arrivals.length > 0) accuse('was refused and delivered all the same');
    for (const arrival of arrivals) this.#hearArrival({ entry, arrival, accuse });
    this.#hearRepeats(arrivals, accuse);
    const [id] = ids;
    if (id === undefined) {
      if (standing === 'accepted') accuse('was accepted without an id');
      return;
    }
    if (standing === 'unknown') this.#unknownCarriedOut++;
    const word = this.#evidence.lastWords.get(id);
    if (word === undefined || word.status !== 200) accuse(`GET answers ${word?.status ?? 'nothing'}`);
    else this.#hearEnd({ entry, arrivals, word, accuse });
  }

  #hearArrival({ entry, arrival, accuse }: { entry: Entry; arrival: Arrival; accuse: (text: string) => void }): void {
    const { plan, cancelled, patchedAtMs } = entry;
    if (arrival.atMs < plan.notBeforeMs) accuse(`came ${plan.notBeforeMs - arrival.atMs} ms early`);
    if (patchedAtMs !== null && arrival.atMs > patchedAtMs && !isPatched(arrival))
      accuse(`came ${arrival.atMs - patchedAtMs} ms after a change had been answered, as it was before`);
    if (cancelled === null) return;
    if (arrival.atMs > cancelled.atMs) accuse(`came ${arrival.atMs - cancelled.atMs} ms after its cancel had been answered`);
    else if (isSuccess(arrival) && this.#lifeOf(arrival.atMs) === cancelled.incarnation)
      accuse('was cancelled by the process that had delivered it');
  }

  /** In the order in which they came: the same attempt again only across a kill, the next one only after a failure. */
  #hearRepeats(arrivals: readonly Arrival[], accuse: (text: string) => void): void {
    for (let at = 1; at < arrivals.length; at++) {
      const before = arrivals[at - 1]!;
      const arrival = arrivals[at]!;
      if (arrival.attempt === before.attempt) {
        this.#duplicates++;
        this.#hearDuplicate({ before, arrival, accuse });
      } else if (arrival.attempt !== before.attempt + 1) {
        accuse(`attempt ${before.attempt} is followed by attempt ${arrival.attempt}`);
      } else if (isSuccess(before)) {
        accuse(`attempt ${before.attempt} had succeeded, and another one followed`);
      } else if (before.answeredAtMs === null || arrival.atMs < before.answeredAtMs + retryAfterMs) {
        accuse(`attempt ${arrival.attempt} came before its back-off was over`);
      }
    }
    if (arrivals.length > 0 && arrivals[0]!.attempt !== 1) accuse(`its first attempt is number ${arrivals[0]!.attempt}`);
  }

  #hearDuplicate({ before, arrival, accuse }: { before: Arrival; arrival: Arrival; accuse: (text: string) => void }): void {
    const life = this.#lifeOf(before.atMs);
    const killedAtMs = this.#evidence.lives[life]?.killedAtMs ?? null;
    if (killedAtMs === null || life === this.#lifeOf(arrival.atMs)) {
      accuse(`attempt ${arrival.attempt} was made twice by one process`);
    } else if (before.answeredAtMs !== null) {
      const ageMs = killedAtMs - before.answeredAtMs;
      this.#lostOutcomeAgeMsMax = Math.max(this.#lostOutcomeAgeMsMax, ageMs);
      if (ageMs > outcomeDurableWithinMs) accuse(`the outcome of attempt ${arrival.attempt} was lost, ${ageMs} ms old`);
    }
  }

  #hearEnd({
    entry,
    arrivals,
    word,
    accuse,
  }: {
    entry: Entry;
    arrivals: readonly Arrival[];
    word: LastWord;
    accuse: (text: string) => void;
  }): void {
    const { plan } = entry;
    const { event, history } = word;
    this.#ends[event.status] = (this.#ends[event.status] ?? 0) + 1;
    this.#hearHistory({ event, history, accuse });
    const succeeded = arrivals.some(isSuccess);
    if (entry.cancelled !== null && event.status !== 'CANCELLED')
      accuse(`its cancel was answered 200, and it is ${event.status}`);
    switch (event.status) {
      case 'DELIVERED':
        if (!succeeded) accuse('is DELIVERED, and nothing was');
        break;
      case 'CANCELLED':
        if (!entry.cancelAsked) accuse('is CANCELLED, and nobody asked for it');
        break;
      case 'EXPIRED':
        if (!plan.expires) accuse('is EXPIRED without an expires_at');
        break;
      case 'DEAD':
        if (plan.fate !== 'refused') accuse('is DEAD, and its receiver would have taken it');
        if (event.attempts !== refusedRetries + 1) accuse(`is DEAD after ${event.attempts} attempts`);
        if (new Set(arrivals.map(({ attempt }) => attempt)).size !== refusedRetries + 1)
          accuse('is DEAD, and some attempt never came');
        break;
      default:
        accuse(`ends as ${event.status}`);
    }
  }

  #hearHistory({
    event,
    history,
    accuse,
  }: {
    event: EventAnswer;
    history: readonly HistoryAnswer[];
    accuse: (text: string) => void;
  }): void {
    const walk = history.map(({ status }) => status).join(' ');
    if (history[0]?.status !== 'SCHEDULED') accuse(`its history begins with ${history[0]?.status}`);
    for (const [index, { version, status }] of history.entries()) {
      if (version !== index + 1) accuse(`version ${version} stands at place ${index + 1} of its history`);
      if (index > 0 && !nextStatuses[history[index - 1]!.status]!.includes(status)) accuse(`its history is not legal: ${walk}`);
    }
    if (history.length !== event.version) accuse(`its version is ${event.version}, its history has ${history.length} entries`);
    if (history.at(-1)?.status !== event.status) accuse(`is ${event.status}, and its history ends: ${walk}`);
  }

  /** Which process was the last to be started before this moment. */
  #lifeOf(atMs: number): number {
    return this.#evidence.lives.findLastIndex(({ startedAtMs }) => startedAtMs <= atMs);
  }

  #accuse(text: string): void {
    this.#violations.push(text);
  }

  verdict(): Verdict {
    const { ledger, arrivals } = this.#evidence;
    for (const n of this.#arrivalsOf.keys()) if (ledger.entries[n] === undefined) this.#accuse(`n ${n} came and was never sent`);
    return {
      violations: this.#violations,
      figures: {
        accepted: ledger.count('accepted'),
        refused: ledger.count('refused'),
        unknown: ledger.count('unknown'),
        unknownCarriedOut: this.#unknownCarriedOut,
        delivered: this.#ends['DELIVERED'] ?? 0,
        cancelled: this.#ends['CANCELLED'] ?? 0,
        dead: this.#ends['DEAD'] ?? 0,
        expired: this.#ends['EXPIRED'] ?? 0,
        arrivals: arrivals.length,
        duplicates: this.#duplicates,
        lostOutcomeAgeMsMax: this.#lostOutcomeAgeMsMax,
      },
    };
  }
}

function numberOf({ body }: Arrival): number {
  return (JSON.parse(body.toString()) as { readonly n: number }).n;
}

function isPatched({ body }: Arrival): boolean {
  return 'isPatched' in (JSON.parse(body.toString()) as object);
}

function isSuccess({ status }: Arrival): boolean {
  return status !== null && status < 300;
}
