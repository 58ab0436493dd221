/**
 * The courier: who may deliver where, and what became of it. All deliveries to one origin pass through one courier, so that
 * its concurrency limit and its circuit breaker are exact, without a lock or a message between threads.
 *
 * A host asks for slots as its events become due; it gets them as the origin allows and answers each with an attempt. So
 * an event that waits costs nothing here and can still be cancelled there.
 *
 * In a cluster nothing starts once the lease is over, nor what was granted before it was over, nor does anything leave that waited for its connection
 * meanwhile: a process that is stopped in between would else send it when it wakes up. The host is told (`unstarted`).
 *
 * Every attempt that starts ends in exactly one outcome, which goes to the host that asked for it, or to the one that has
 * since asked what runs of its partition. When its host is gone and nobody has asked, it is dropped, and the attempt will
 * be made again under the same number.
 *
 * Nothing starts before `dueAtMs`, also when the machine's clock was set back after the host had looked at it.
 *
 * Has no thread, port or timer of its own: `courier-ports.ts` binds it to ports, the simulator to its scheduler.
 */
import type { Attempt, Outcome } from '../event/attempt.js';
import { decodeSpec } from '../event/spec-codec.js';
import type { PartitionId, WallMs } from '../kernel/brand.js';
import type { LeaseBoard } from '../kernel/lease-board.js';
import { type Placed, PlacedSet } from '../kernel/placed-set.js';
import { type Deliverer, type DeliveryResult, failedWithout, withheld } from './deliverer.js';
import type { HostNumber, Origin } from './origin.js';
import type { Destination, DestinationAnswer, DestinationQuestion } from './destination.js';
import { destinationOf, firstNames } from './destination-view.js';
import { Origins, type OriginsNews, type OriginsOptions } from './origins.js';
import type { CourierFigures, CourierReply, CourierRequest, SettingsTold } from './protocol.js';
import type { CancelTimer, Timing } from './timing.js';

export type CourierOptions = OriginsOptions;

export interface CourierParts {
  readonly options: CourierOptions;
  readonly deliverer: Deliverer;
  readonly timing: Timing;
  /** In a cluster: until when this node may act as an owner. Null without one. */
  readonly lease?: Pick<LeaseBoard, 'isAheadIn'> | null;
  /** At most once a turn and host. */
  readonly send: (host: HostNumber, replies: readonly CourierReply[]) => void;
}

/** An attempt that waits for its moment looks at the clock this often: it may be set forward again meanwhile. */
const clockLookMs = 1_000;
/** How long an answer about origins waits for what hosts have still to say, and how often it looks. */
const askedMsMax = 2_000;
const askedLookMs = 2;

interface RunningAttempt extends Placed {
  readonly attempt: Attempt;
  /** Of the lease board: when the lease has ended since, it does not start. */
  readonly term: number;
  /** Where the outcome goes; null: its host is gone and nobody has asked since. */
  host: HostNumber | null;
  /** Its partition has stopped. */
  isCalledOff: boolean;
}

export class Courier {
  readonly #deliverer: Deliverer;
  readonly #timing: Timing;
  readonly #lease: Pick<LeaseBoard, 'isAheadIn'> | null;
  readonly #send: CourierParts['send'];
  readonly #origins: Origins;
  readonly #running = new PlacedSet<RunningAttempt>();
  readonly #terms = new Map<HostNumber, number>();
  /** Of this turn. A host stays in it: a map that is emptied each turn would keep alive what was in it, see `PlacedSet`. */
  readonly #outbox = new Map<HostNumber, CourierReply[]>();
  /** For whom there is something in it, in the order in which that came. */
  #told: HostNumber[] = [];
  /** Timers of attempts that wait for their moment. */
  readonly #waits = new Set<CancelTimer>();
  #turnEnds = false;
  #turns = 0;
  #draining = false;
  #closed = false;
  #drained: (() => void) | null = null;

  constructor({ options, deliverer, timing, send, lease = null }: CourierParts) {
    this.#lease = lease;
    this.#deliverer = deliverer;
    this.#timing = timing;
    this.#send = send;
    this.#origins = new Origins({ options, timing, changed: () => this.#endTurnSoon() });
  }

  /** Attempts that have started and not ended. */
  get running(): number {
    return this.#running.size;
  }

  /** Slots in use: granted or running. */
  get taken(): number {
    return this.#origins.taken;
  }

  /** Since it began: nothing has changed between two looks that see the same. */
  get turns(): number {
    return this.#turns;
  }

  get figures(): Omit<CourierFigures, 'loopDelaysMs'> {
    const { taken, count, broken, openings } = this.#origins;
    return {
      running: this.running,
      taken,
      origins: count,
      breakersOpen: broken.open,
      breakersHalfOpen: broken.halfOpen,
      breakerOpenings: openings,
    };
  }

  /** Throws InvariantError when the host uses slots that it does not have. */
  receive(host: HostNumber, requests: readonly CourierRequest[]): void {
    for (const request of requests) this.#handle(host, request);
  }

  /** There is a way to this origin, or none for now: then nothing is started there. */
  reach(origin: string, isReachable: boolean): void {
    this.#origins.reach(origin, isReachable);
  }

  /** What a partition of another node keeps of settings. */
  settingsTold({ partition, position, rows }: SettingsTold): void {
    this.#origins.told(partition, { position, rows });
  }

  /** The partition of another node cannot tell what it keeps. */
  settingsLost(partition: PartitionId): void {
    this.#origins.lost(partition);
  }

  /** The session of this node is over, and nobody has to tell it of changes any more. */
  forgetSettings(): void {
    this.#origins.forgetSettings();
  }

  /** So many nodes make attempts. */
  shareAmong(sharers: number): void {
    this.#origins.shareAmong(sharers);
  }

  /** Its thread has ended. Its attempts run on; who takes its partitions over asks for them with `running?`. */
  hostGone(host: HostNumber): void {
    this.#outbox.delete(host);
    this.#terms.delete(host);
    for (const running of this.#running) if (running.host === host) running.host = null;
    this.#origins.hostGone(host);
  }

  /**
   * What is shown of origins; with `one`, after what has been set is in force: a pause when nobody holds a slot there any more that
   * was granted before it.
   */
  async ask(question: DestinationQuestion): Promise<DestinationAnswer> {
    if (question.about === 'page') {
      if (!(await this.#within(() => this.#origins.haveAllSpoken))) return null;
      const names = await firstNames(this.#origins.names(), question, (task) => this.#timing.soon(task));
      return names.flatMap((name) => this.#shown(name) ?? []);
    }
    const { origin, row, closeBreaker } = question;
    if (row !== null) this.#origins.set(row);
    if (closeBreaker) this.#origins.closeBreaker(origin);
    await this.#within(() => this.#origins.look(origin).settings !== null);
    // A host uses or returns a slot within milliseconds; if one does not, nobody should wait for it any longer.
    if (row?.settings.paused === true) await this.#within(() => this.#origins.look(origin).granted === 0);
    const shown = this.#shown(origin);
    return shown === null ? null : [shown];
  }

  /** Null while it is not known what is set for it. */
  #shown(name: string): Destination | null {
    return destinationOf(this.#origins.look(name), this.#timing);
  }

  /** Whether it has become true, at last after `askedMsMax`. */
  #within(isTrue: () => boolean): Promise<boolean> {
    const endsAt = this.#timing.monoMs() + askedMsMax;
    return new Promise((resolve) => {
      const look = (): void => {
        if (isTrue()) resolve(true);
        else if (this.#timing.monoMs() >= endsAt) resolve(false);
        else this.#timing.after(askedLookMs, look);
      };
      look();
    });
  }

  /** Grants nothing any more and waits for what is running, at most `drainMs`. Resolves to how many still run then. */
  async drain(drainMs: number): Promise<number> {
    this.#draining = true;
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#timing.after(drainMs, resolve);
        this.#drained = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#endTurn();
    return this.#running.size;
  }

  /** What still runs is given up without an outcome: after a restart it is made again under the same attempt number. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#waits) cancel();
    this.#origins.close();
    await this.#deliverer.close();
  }

  #handle(host: HostNumber, request: CourierRequest): void {
    switch (request.op) {
      case 'want':
        this.#origins.want(request.origin, { host, ...request });
        break;
      case 'unwant':
        this.#origins.unwant(request.origin, { host, ...request });
        break;
      case 'release':
        this.#origins.release(request.origin, { host, ...request });
        break;
      case 'settings':
        this.#origins.told(request.partition, request);
        break;
      case 'settings-lost':
        this.#origins.lost(request.partition);
        break;
      case 'start':
        this.#start(host, request.attempt);
        break;
      case 'term':
        this.#terms.set(host, request.term);
        break;
      case 'call-off':
        for (const running of this.#running) if (running.attempt.partition === request.partition) running.isCalledOff = true;
        break;
      case 'running?':
        this.#adopt(host, request.partition);
        break;
    }
  }

  #start(host: HostNumber, attempt: Attempt): void {
    const origin = this.#origins.start(attempt.origin, host);
    const running: RunningAttempt = { attempt, term: this.#terms.get(host) ?? 0, host, isCalledOff: false, place: -1 };
    this.#running.add(running);
    const perform = () => this.#perform(running);
    void (origin.breaker === null ? perform() : origin.breaker.run(perform)).then((result) => {
      if (result !== withheld) origin.count(this.#timing.monoMs(), result.kind !== 'delivered');
      this.#end(origin, running);
    });
  }

  /** From the wait for its moment to its outcome; never rejects. */
  #perform(running: RunningAttempt): Promise<DeliveryResult> {
    return this.#earlyMs(running.attempt) > 0 ? this.#performInTime(running) : this.#performNow(running);
  }

  async #performInTime(running: RunningAttempt): Promise<DeliveryResult> {
    const { attempt } = running;
    for (let earlyMs = this.#earlyMs(attempt); earlyMs > 0; earlyMs = this.#earlyMs(attempt)) {
      await this.#waited(Math.min(earlyMs, clockLookMs));
    }
    return this.#performNow(running);
  }

  #performNow(running: RunningAttempt): Promise<DeliveryResult> {
    const { attempt } = running;
    // The host has looked before; but its message may be as old as a stall of this thread, and what is set for the origin be forgotten.
    if (running.isCalledOff || !this.#mayLeave(running) || this.#origins.look(attempt.origin).settings === null)
      return Promise.resolve(this.#withhold(running));
    const startedAtMs = this.#timing.wallMs();
    const startedMono = this.#timing.monoMs();
    const lagMs = startedAtMs - attempt.dueAtMs;
    return this.#resultOf(running, { startedAtMs, lagMs }).then((result) => {
      if (result === withheld) return this.#withhold(running);
      this.#report(running, outcomeOf(attempt, { result, startedAtMs, lagMs, durationMs: this.#timing.monoMs() - startedMono }));
      return result;
    });
  }

  #withhold({ host, attempt: { partition, event } }: RunningAttempt): DeliveryResult {
    if (host !== null) this.#post(host, { op: 'unstarted', partition, event });
    return withheld;
  }

  /** Never rejects. A promise for each step from here to the outcome was as much work as the step, so there is one. */
  #resultOf(running: RunningAttempt, { startedAtMs, lagMs }: Pick<Outcome, 'startedAtMs' | 'lagMs'>): Promise<DeliveryResult> {
    const { attempt } = running;
    const mayLeave = this.#lease === null ? always : () => this.#mayLeave(running);
    try {
      const secret = this.#origins.look(attempt.origin).settings?.secret ?? null;
      const spec = decodeSpec(attempt.spec);
      return this.#deliverer.deliver({ attempt, spec, startedAtMs, lagMs, secret, mayLeave }).catch(defect);
    } catch (thrown) {
      return Promise.resolve(defect(thrown));
    }
  }

  #earlyMs(attempt: Attempt): number {
    return attempt.dueAtMs - this.#timing.wallMs();
  }

  #waited(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timing.after(delayMs, () => {
        this.#waits.delete(cancel);
        resolve();
      });
      this.#waits.add(cancel);
    });
  }

  #report({ host }: RunningAttempt, outcome: Outcome): void {
    if (host !== null) this.#post(host, { op: 'outcome', outcome });
  }

  #end(origin: Origin, running: RunningAttempt): void {
    this.#running.delete(running);
    this.#origins.end(origin);
    if (this.#running.size === 0) this.#drained?.();
  }

  /** Their outcomes are the asker's from now on. */
  #adopt(host: HostNumber, partition: PartitionId): void {
    const adopted = [...this.#running].filter(({ attempt }) => attempt.partition === partition);
    for (const running of adopted) running.host = host;
    const attempts = adopted.map(({ attempt }) => ({ event: attempt.event, attempt: attempt.attempt }));
    this.#post(host, { op: 'running', partition, attempts });
  }

  #post(host: HostNumber, reply: CourierReply): void {
    const replies = this.#outbox.get(host) ?? [];
    if (replies.length === 0) {
      this.#told.push(host);
      this.#outbox.set(host, replies);
    }
    replies.push(reply);
    this.#endTurnSoon();
  }

  #endTurnSoon(): void {
    if (this.#turnEnds || this.#closed) return;
    this.#turnEnds = true;
    this.#timing.soon(() => this.#endTurn());
  }

  #endTurn(): void {
    if (this.#closed) return;
    this.#origins.settle(this.#news, { grant: !this.#draining });
    this.#turnEnds = false;
    this.#turns++;
    const told = this.#told;
    this.#told = [];
    for (const host of told) {
      const replies = this.#outbox.get(host);
      // The host may have gone, and another one have come in its place.
      if (replies === undefined || replies.length === 0) continue;
      this.#outbox.set(host, []);
      this.#send(host, replies);
    }
  }

  #mayLeave({ term }: RunningAttempt): boolean {
    return this.#lease === null || this.#lease.isAheadIn(term);
  }

  readonly #news: OriginsNews = {
    granted: (host, grant) => this.#post(host, { op: 'grant', ...grant }),
    advanced: (host, origin) => this.#post(host, { op: 'advance', origin }),
    recalled: (host, origin) => this.#post(host, { op: 'recall', origin }),
    waiting: (host, origin, reason) => this.#post(host, { op: 'waiting', origin, reason }),
  };
}

const always = (): boolean => true;

/** A deliverer answers with a result; what it throws is a defect, and must not leave the event without an outcome. */
function defect(thrown: unknown): DeliveryResult {
  return failedWithout({ error: `internal: ${thrown instanceof Error ? thrown.message : String(thrown)}`, unhealthy: false });
}

interface Ended {
  readonly result: DeliveryResult;
  readonly startedAtMs: WallMs;
  readonly lagMs: number;
  readonly durationMs: number;
}

/** Field by field: with spreads this took 8 % of the thread at 14,000 webhooks/s. */
function outcomeOf(attempt: Attempt, { result, startedAtMs, lagMs, durationMs }: Ended): Outcome {
  return {
    partition: attempt.partition,
    event: attempt.event,
    attempt: attempt.attempt,
    kind: result.kind,
    startedAtMs,
    durationMs,
    lagMs,
    statusCode: result.statusCode,
    error: result.error,
    responseBody: result.responseBody,
    retryAfterMs: result.retryAfterMs,
  };
}
