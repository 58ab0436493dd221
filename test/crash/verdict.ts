/**
 * The accepted set against the delivered set, and every promise by its own name.
 *
 * A `kill -9` explains one thing only: an attempt that was under way at that moment, or whose outcome was not yet on disk,
 * is made again under the same number and the same `webhook-id`. So does a partition that goes to another node in disorder (`upheaval.ts`).
 * Everything else has to be as if nothing had happened.
 */
import type { EventAnswer, HistoryAnswer } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import { hearHistory } from './hear-history.js';
import type { Entry, Ledger } from './ledger.js';
import { refusedRetries, retryAfterMs } from './plan.js';
import type { Upheavals } from './upheaval.js';

/** What the server says of an event at the end. */
export interface LastWord {
  readonly status: number;
  readonly readAtMs: number;
  readonly event: EventAnswer;
  readonly history: readonly HistoryAnswer[];
}

export interface Evidence {
  readonly ledger: Ledger;
  readonly arrivals: readonly Arrival[];
  readonly upheavals: Upheavals;
  /** By id, for every id that an answer or a webhook has named. */
  readonly lastWords: ReadonlyMap<string, LastWord>;
  /** How long what has finished can be read. */
  readonly retentionMs: number;
  /** When somebody was first told how this attempt has ended; null: nobody was. */
  readonly toldAtMs?: (id: string, attempt: number) => number | null;
  /** May an outcome be unknown to everybody that was answered at the first moment, when what explains it began at the second? */
  readonly mayLose: (span: { readonly fromMs: number; readonly toMs: number }) => boolean;
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
  /** What was answered with 200: PATCH and PUT, fire, an operator's retry. */
  readonly changed: number;
  readonly fired: number;
  readonly revived: number;
  /** Not there any more, as their retention was over. */
  readonly gone: number;
  /** Cancelled by filter. */
  readonly swept: number;
  /** How often a destination was paused and resumed. */
  readonly holds: number;
  readonly arrivals: number;
  /** Attempts that were made again after an upheaval. */
  readonly duplicates: number;
  /** Of those that had been answered: how long before it began, at most. */
  readonly lostOutcomeAgeMsMax: number;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly figures: Figures;
}

/** The name of the assertion that there are none. Whoever sees only the names of what failed sees the first one. */
export function promiseOf(violations: readonly string[], seed: number): string {
  const first = violations[0];
  return `no promise is broken (seed ${seed})${first === undefined ? '' : `: ${first.slice(0, 400)}`}`;
}

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
  #gone = 0;
  /** Of what is far, everything that may have been cancelled by filter. */
  #sweptMax = 0;
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
    const told = [...entry.ids, ...arrivals.map(({ id }) => id)];
    const ids = new Set(told.map((id) => this.#eventOf(id)));
    const accuse = (text: string): void =>
      this.#accuse(`n ${plan.n} (${plan.fate}, ${[...ids].join(' and ') || 'no id'}): ${text}`);
    if (ids.size > 1) accuse('one request led to more than one event');
    if (standing === 'refused' && arrivals.length > 0) accuse('was refused and delivered all the same');
    for (const arrival of arrivals) this.#hearArrival({ entry, arrival, accuse });
    this.#hearRepeats({ entry, arrivals, accuse });
    const [id] = ids;
    if (id === undefined) {
      if (standing === 'accepted') accuse('was accepted without an id');
      if (plan.farGroup !== null) this.#sweptMax++;
      return;
    }
    if (standing === 'unknown') this.#unknownCarriedOut++;
    const words = told.map((each) => this.#evidence.lastWords.get(each));
    const word = words.find((each) => each?.status !== 200) ?? words[0];
    if (word?.status === 404 && this.#mayBeGone(entry, arrivals, word)) {
      this.#gone++;
      if (plan.farGroup !== null) this.#sweptMax++;
    } else if (word === undefined || word.status !== 200) accuse(`GET answers ${word?.status ?? 'nothing'}`);
    else this.#hearEnd({ entry, arrivals, word, accuse });
  }

  /** An id that was told for a repeat leads to the event, which has another one. */
  #eventOf(id: string): string {
    const word = this.#evidence.lastWords.get(id);
    return word?.status === 200 ? word.event.id : id;
  }

  /** It has had an end, and the last sign of it is older than the retention. */
  #mayBeGone(entry: Entry, arrivals: readonly Arrival[], { readAtMs }: LastWord): boolean {
    const { plan, freshAtMs, cancelAsked, revival } = entry;
    const signAtMs = Math.max(freshAtMs, ...arrivals.map(({ atMs }) => atMs));
    if (readAtMs - signAtMs < this.#evidence.retentionMs) return false;
    if (arrivals.some(isSuccess) || plan.expires) return true;
    if (plan.fate === 'refused') return new Set(arrivals.map(({ attempt }) => attempt)).size % (refusedRetries + 1) === 0;
    return plan.farGroup !== null || (cancelAsked && (revival?.answered ?? 0) === 0);
  }

  #hearArrival({ entry, arrival, accuse }: { entry: Entry; arrival: Arrival; accuse: (text: string) => void }): void {
    const { plan, cancelled, changedAtMs, fireAskedAtMs, revival } = entry;
    const notBeforeMs = Math.min(
      plan.notBeforeMs,
      fireAskedAtMs ?? Number.POSITIVE_INFINITY,
      revival?.askedAtMs ?? Number.POSITIVE_INFINITY,
    );
    if (arrival.atMs < notBeforeMs)
      accuse(`came ${notBeforeMs - arrival.atMs} ms early${'delay_ms' in plan.body ? ' by its delay' : ''}`);
    if (changedAtMs !== null && arrival.atMs > changedAtMs && !isChanged(arrival))
      accuse(`came ${arrival.atMs - changedAtMs} ms after a change had been answered, as it was before`);
    if (plan.fate === 'held') this.#hearHeld({ entry, arrival, accuse });
    if (cancelled === null || (revival !== null && arrival.atMs >= revival.askedAtMs)) return;
    const span = { fromMs: arrival.atMs, toMs: cancelled.atMs };
    if (arrival.atMs > cancelled.atMs) accuse(`came ${arrival.atMs - cancelled.atMs} ms after its cancel had been answered`);
    else if (isSuccess(arrival) && this.#evidence.upheavals.between(arrival.id, span) === null)
      accuse('was cancelled by the process that had delivered it');
  }

  /**
   * Nothing starts while its origin is held. When it was started is told by the headers, exactly if it had been accepted before its
   * time; when it arrived says less, since what was started before a pause may be on its way.
   */
  #hearHeld({ entry, arrival, accuse }: { entry: Entry; arrival: Arrival; accuse: (text: string) => void }): void {
    const { plan, acceptedAtMs } = entry;
    if (acceptedAtMs === null || acceptedAtMs >= plan.notBeforeMs) return;
    const startedAtMs =
      Date.parse(String(arrival.headers['escapement-scheduled-at'])) + Number(arrival.headers['escapement-lag-ms']);
    const hold = this.#evidence.ledger.holds.find(({ fromMs, toMs }) => startedAtMs > fromMs + 1 && startedAtMs < toMs - 1);
    if (hold !== undefined)
      accuse(`was started ${startedAtMs - hold.fromMs} ms after a pause of its destination had been answered`);
  }

  /** In the order in which they came: the same attempt again only across an upheaval, the next one only after a failure. */
  #hearRepeats({
    entry,
    arrivals,
    accuse,
  }: {
    entry: Entry;
    arrivals: readonly Arrival[];
    accuse: (text: string) => void;
  }): void {
    // Whoever asks for it now need not wait for the back-off.
    const askedAtMs = Math.min(
      entry.fireAskedAtMs ?? Number.POSITIVE_INFINITY,
      entry.revival?.askedAtMs ?? Number.POSITIVE_INFINITY,
    );
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
      } else if (
        arrival.atMs < askedAtMs &&
        (before.answeredAtMs === null || arrival.atMs < before.answeredAtMs + retryAfterMs)
      ) {
        accuse(`attempt ${arrival.attempt} came before its back-off was over`);
      }
    }
    if (arrivals.length > 0 && arrivals[0]!.attempt !== 1) accuse(`its first attempt is number ${arrivals[0]!.attempt}`);
  }

  /** Its outcome may have been on its way to the disk, unless somebody has been told of it or there was time enough. */
  #hearDuplicate({ before, arrival, accuse }: { before: Arrival; arrival: Arrival; accuse: (text: string) => void }): void {
    const { upheavals, mayLose, toldAtMs = () => null } = this.#evidence;
    const upheaval = upheavals.between(arrival.id, { fromMs: before.atMs, toMs: arrival.atMs });
    const told = toldAtMs(arrival.id, arrival.attempt);
    if (told !== null && told < arrival.atMs)
      accuse(`attempt ${arrival.attempt} was made again ${arrival.atMs - told} ms after its outcome had been told`);
    if (upheaval === null) {
      accuse(`attempt ${arrival.attempt} was made twice by one process, ${arrival.atMs - before.atMs} ms apart`);
    } else if (before.answeredAtMs !== null) {
      const span = { fromMs: before.answeredAtMs, toMs: upheaval.beganAtMs };
      const ageMs = span.toMs - span.fromMs;
      this.#lostOutcomeAgeMsMax = Math.max(this.#lostOutcomeAgeMsMax, ageMs);
      if (!mayLose(span)) accuse(`the outcome of attempt ${arrival.attempt} was lost, ${ageMs} ms old`);
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
    const { plan, cancelled, revival } = entry;
    const { event, history } = word;
    this.#ends[event.status] = (this.#ends[event.status] ?? 0) + 1;
    hearHistory({ entry, event, history, accuse });
    if (cancelled !== null && revival === null && event.status !== 'CANCELLED')
      accuse(`its cancel was answered 200, and it is ${event.status}`);
    if (this.#mustBeSwept(entry) && event.status !== 'CANCELLED')
      accuse(`a cancel by filter must have taken it, and it is ${event.status}`);
    switch (event.status) {
      case 'DELIVERED':
        if (!arrivals.some(isSuccess)) accuse('is DELIVERED, and nothing was');
        break;
      case 'CANCELLED':
        if (plan.farGroup !== null) this.#sweptMax++;
        if (!entry.cancelAsked && plan.farGroup === null) accuse('is CANCELLED, and nobody asked for it');
        if (revival !== null) accuse('is CANCELLED, and was retried after that');
        break;
      case 'EXPIRED':
        if (!plan.expires) accuse('is EXPIRED without an expires_at');
        break;
      case 'DEAD':
        this.#hearDeath({ entry, arrivals, event, accuse });
        break;
      default:
        accuse(`ends as ${event.status}`);
    }
  }

  /** Nobody else could have had it: it was there before the cancel by filter was sent, and far away. */
  #mustBeSwept({ plan, standing, acceptedAtMs, fireAskedAtMs }: Entry): boolean {
    if (plan.farGroup === null || standing !== 'accepted' || fireAskedAtMs !== null) return false;
    return this.#evidence.ledger.sweeps.some(({ group, sentAtMs }) => group === plan.farGroup && acceptedAtMs! < sentAtMs);
  }

  /** A retry by an operator brings all of its attempts once more. */
  #hearDeath({
    entry,
    arrivals,
    event,
    accuse,
  }: {
    entry: Entry;
    arrivals: readonly Arrival[];
    event: EventAnswer;
    accuse: (text: string) => void;
  }): void {
    const { asked, answered } = entry.revival ?? { asked: 0, answered: 0 };
    const runs = event.attempts / (refusedRetries + 1);
    if (entry.plan.fate !== 'refused') accuse('is DEAD, and its receiver would have taken it');
    if (!Number.isInteger(runs) || runs < 1 + answered || runs > 1 + asked)
      accuse(`is DEAD after ${event.attempts} attempts and ${answered} retries`);
    if (new Set(arrivals.map(({ attempt }) => attempt)).size !== event.attempts) accuse('is DEAD, and some attempt never came');
  }

  #accuse(text: string): void {
    this.#violations.push(text);
  }

  verdict(): Verdict {
    const { ledger, arrivals } = this.#evidence;
    if (ledger.swept > this.#sweptMax)
      this.#accuse(`cancels by filter were said to have taken ${ledger.swept}, there were ${this.#sweptMax} to take`);
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
        changed: count(ledger, ({ changedAtMs }) => changedAtMs !== null),
        fired: count(ledger, ({ isFired }) => isFired),
        revived: count(ledger, ({ revival }) => revival !== null && revival.answered > 0),
        gone: this.#gone,
        swept: ledger.swept,
        holds: ledger.holds.length,
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

function count({ entries }: Ledger, matches: (entry: Entry) => boolean): number {
  return entries.filter(matches).length;
}

function isChanged({ body }: Arrival): boolean {
  return 'isChanged' in (JSON.parse(body.toString()) as object);
}

function isSuccess({ status }: Arrival): boolean {
  return status !== null && status < 300;
}
