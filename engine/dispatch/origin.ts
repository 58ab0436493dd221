/**
 * One origin: how many attempts may run there, who waits for a slot, and whether anybody is let through.
 *
 * A slot is taken when it is granted, not when its attempt starts, since the host may start it at any time after:
 *
 *     want -> granted -> running -> ended
 *               |
 *               +-> released (the event was cancelled meanwhile)
 *
 * A host that has started something gets the slot for what comes next in advance, so that an event on time need not ask; not where
 * half of the slots are in use or somebody waits, and only while there is no pace to keep. It is called back when that changes.
 *
 * There are two lanes. What is due now goes first; what was overdue when the engine started (or when the clock jumped) follows
 * at the pace of recovery, and leaves a quarter of the slots alone, so that a backlog does not keep what is on time waiting.
 *
 * Nobody is let through while what is set for the origin is not known, while it is paused, while its circuit is open, and while
 * there is no way to it at all (NATS, when it is not connected).
 *
 * Invariants: granted + running never exceeds the concurrency, unless that was lowered meanwhile; a host never starts or releases more
 * than it was granted; while the circuit is not closed, at most one slot is granted that has not started (the probe).
 *
 * Decides for its own origin only: `origins.ts` decides which origin is next.
 */
import type { OriginSettings } from '../event/origin-settings.js';
import type { WaitReason } from '../event/status.js';
import type { MonoMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { AttemptWindow } from './attempt-window.js';
import type { Breaker } from './breaker.js';
import type { Lane } from './protocol.js';
import { TokenBucket } from './token-bucket.js';

/** Number that the composition gives an actor host. */
export type HostNumber = number;

interface Claim {
  readonly host: HostNumber;
  /** Open wishes for a slot. */
  readonly wants: Record<Lane, number>;
  /** Slots that the host holds and has not used yet. */
  granted: number;
  /** What it was last told about its open wishes. */
  told: WaitReason | null;
  /** It has started something since it was last given a slot in advance. */
  isActive: boolean;
  /** Whether one of `granted` was given in advance. */
  advance: 'none' | 'given' | 'recalled';
}

export interface OriginParts {
  readonly name: string;
  /** Unless something else is set. */
  readonly concurrency: number;
  /** Overdue attempts per second. */
  readonly recoveryRate: number;
  /** Nodes that make attempts there, each of them its share of all limits. */
  readonly sharers: number;
  /** Null: no circuit breaker. */
  readonly breaker: Breaker | null;
  /** Null: not known yet. */
  readonly settings: OriginSettings | null;
}

export class Origin {
  readonly name: string;
  readonly #usualConcurrency: number;
  readonly #claims: Claim[] = [];
  /** Place in `#claims` that is served next: hosts take turns. */
  #turn = 0;
  readonly #wants: Record<Lane, number> = { regular: 0, overdue: 0 };
  #granted = 0;
  #running = 0;
  #breaker: Breaker | null;
  #settings: OriginSettings | null = null;
  /** Null: no rate is set. */
  #rate: TokenBucket | null = null;
  readonly #recoveryRate: number;
  #recovery: TokenBucket;
  /** Nodes that make attempts there. */
  #sharers: number;
  /** False: there is no way to it, so that an attempt would only be spent. */
  isReachable = true;
  /** Of the last minute; made when the first attempt ends. */
  #ended: AttemptWindow | null = null;

  constructor({ name, concurrency, recoveryRate, sharers, breaker, settings }: OriginParts) {
    this.name = name;
    this.#usualConcurrency = concurrency;
    this.#breaker = breaker;
    this.#recoveryRate = recoveryRate;
    this.#sharers = sharers;
    this.#recovery = new TokenBucket(recoveryRate / sharers);
    this.settings = settings;
  }

  get settings(): OriginSettings | null {
    return this.#settings;
  }

  /** From the next grant on. */
  set settings(settings: OriginSettings | null) {
    this.#settings = settings;
    this.#setRate(settings?.ratePerSecond ?? null);
  }

  /** So many nodes make attempts there from now on. */
  shareAmong(sharers: number): void {
    if (sharers === this.#sharers) return;
    this.#sharers = sharers;
    this.#recovery = new TokenBucket(this.#recoveryRate / sharers);
    this.#setRate(this.#settings?.ratePerSecond ?? null);
  }

  #setRate(whole: number | null): void {
    const rate = whole === null ? null : whole / this.#sharers;
    if (rate !== (this.#rate?.ratePerSecond ?? null)) this.#rate = rate === null ? null : new TokenBucket(rate);
  }

  get breaker(): Breaker | null {
    return this.#breaker;
  }

  /** What the old one has seen is forgotten, and what still runs under it is not counted by the new one. */
  replaceBreaker(breaker: Breaker): void {
    this.#breaker?.dispose();
    this.#breaker = breaker;
  }

  get concurrency(): number {
    return this.#settings?.concurrency ?? this.#usualConcurrency;
  }

  /** What of it is this node's. Rounded up: together a few more than were asked for, but none with nothing. */
  get #share(): number {
    return Math.ceil(this.concurrency / this.#sharers);
  }

  get wants(): number {
    return this.#wants.regular + this.#wants.overdue;
  }

  get granted(): number {
    return this.#granted;
  }

  get running(): number {
    return this.#running;
  }

  /** Slots in use: granted or running. */
  get taken(): number {
    return this.#granted + this.#running;
  }

  /** Nothing would be lost but the breaker's memory. */
  get idle(): boolean {
    return this.wants === 0 && this.taken === 0;
  }

  /** Whose turn it is; null: nobody can be given a slot now. */
  next(now: MonoMs): Lane | null {
    if (this.#held !== null || (this.#rate !== null && !this.#rate.has(now))) return null;
    if (this.#hasRoom('regular')) return 'regular';
    return this.#hasRoom('overdue') && this.#recovery.has(now) ? 'overdue' : null;
  }

  /** When to ask for `next` again, if time alone keeps somebody waiting; null: something else does. */
  paceMs(now: MonoMs): number | null {
    if (this.#held !== null) return null;
    const isRegular = this.#hasRoom('regular');
    if (!isRegular && !this.#hasRoom('overdue')) return null;
    const waitMs = Math.max(this.#rate?.waitMs(now) ?? 0, isRegular ? 0 : this.#recovery.waitMs(now));
    return waitMs > 0 ? waitMs : null;
  }

  want(host: HostNumber, { lane, count }: { readonly lane: Lane; readonly count: number }): void {
    this.#claim(host).wants[lane] += count;
    this.#wants[lane] += count;
  }

  /** Fewer may be open than the host believes: some of them were granted while its message was on the way. */
  unwant(host: HostNumber, { lane, count }: { readonly lane: Lane; readonly count: number }): void {
    const { wants } = this.#claim(host);
    const dropped = Math.min(wants[lane], count);
    wants[lane] -= dropped;
    this.#wants[lane] -= dropped;
  }

  /** Gives one slot away; only when `next` says so. Returns the host that has it now. */
  grant(lane: Lane, now: MonoMs): HostNumber {
    invariant(
      this.#hasRoom(lane) && this.#held === null,
      () =>
        `${lane} slot of ${this.name} granted with ${this.taken} of ${this.#share} taken, ${this.wants} wanted, ${this.#held}`,
    );
    const claim = this.#nextClaim(lane);
    claim.wants[lane] -= 1;
    this.#wants[lane] -= 1;
    claim.granted += 1;
    this.#granted += 1;
    this.#rate?.take(now);
    if (lane === 'overdue') this.#recovery.take(now);
    return claim.host;
  }

  release(host: HostNumber, { lane, count }: { readonly lane: Lane; readonly count: number }): void {
    const claim = this.#claim(host);
    invariant(count <= claim.granted, () => `host ${host} released ${count} slots of ${this.name}, held ${claim.granted}`);
    this.#giveBack(claim, count);
    if (lane === 'overdue') for (let left = count; left > 0; left--) this.#recovery.giveBack();
  }

  start(host: HostNumber): void {
    const claim = this.#claim(host);
    invariant(claim.granted > 0, () => `host ${host} started an attempt at ${this.name} without a slot`);
    claim.granted -= 1;
    claim.isActive = true;
    if (claim.granted === 0) claim.advance = 'none';
    this.#granted -= 1;
    this.#running += 1;
  }

  /** Gives one slot in advance, if there is a host to which it may be given; null: there is none. */
  advance(): HostNumber | null {
    if (this.wantsAdvancesBack || 2 * (this.taken + 1) > this.#share) return null;
    const claim = this.#claims.find(({ isActive, granted }) => isActive && granted === 0);
    if (claim === undefined) return null;
    claim.isActive = false;
    claim.advance = 'given';
    claim.granted += 1;
    this.#granted += 1;
    return claim.host;
  }

  /** Hosts that have to give back what they hold in advance and have not been told yet. */
  recall(): HostNumber[] {
    const holders = this.#claims.filter(({ advance }) => advance === 'given');
    for (const claim of holders) claim.advance = 'recalled';
    return holders.map(({ host }) => host);
  }

  /** Somebody holds a slot in advance. */
  get hasAdvanced(): boolean {
    return this.#claims.some(({ advance }) => advance !== 'none');
  }

  /** What is held in advance is needed, or should not be used. */
  get wantsAdvancesBack(): boolean {
    return this.#held !== null || this.#rate !== null || this.wants > 0;
  }

  end(): void {
    invariant(this.#running > 0, () => `an attempt ended at ${this.name} where none is running`);
    this.#running -= 1;
  }

  /** For `success_1m` and `failure_1m`. */
  count(now: MonoMs, failed: boolean): void {
    this.#ended ??= new AttemptWindow({ windowMs: 60_000, steps: 12 });
    this.#ended.record(now, failed);
  }

  /** Attempts that ended in the last minute. */
  endedLately(now: MonoMs): { readonly success: number; readonly failure: number } {
    if (this.#ended === null) return { success: 0, failure: 0 };
    this.#ended.moveOn(now);
    const { ended, failed } = this.#ended;
    return { success: ended - failed, failure: failed };
  }

  /** Its wishes and unused slots are void; its running attempts keep theirs. Returns how many slots came free. */
  hostGone(host: HostNumber): number {
    const at = this.#claims.findIndex((claim) => claim.host === host);
    if (at === -1) return 0;
    const [claim] = this.#claims.splice(at, 1) as [Claim];
    const { granted } = claim;
    this.#wants.regular -= claim.wants.regular;
    this.#wants.overdue -= claim.wants.overdue;
    this.#giveBack(claim, granted);
    return granted;
  }

  /** Calls `tell` for every host whose reason for waiting is another than it was told last. */
  tellWaiting(tell: (host: HostNumber, reason: WaitReason | null) => void): void {
    const reason = this.#held ?? 'concurrency';
    for (const claim of this.#claims) {
      const now = claim.wants.regular + claim.wants.overdue === 0 ? null : reason;
      if (now === claim.told) continue;
      claim.told = now;
      tell(claim.host, now);
    }
  }

  /** Why nobody is let through; null: somebody may be. */
  get #held(): WaitReason | null {
    if (this.#settings === null) return 'recovery';
    if (this.#settings.paused) return 'paused';
    if (!this.isReachable) return 'breaker';
    if (this.#breaker === null) return null;
    const { state } = this.#breaker;
    return state === 'closed' || (state === 'probe' && this.#granted === 0) ? null : 'breaker';
  }

  #hasRoom(lane: Lane): boolean {
    if (this.#wants[lane] === 0) return false;
    const share = this.#share;
    return this.taken < (lane === 'regular' ? share : share - Math.floor(share / 4));
  }

  #giveBack(claim: Claim, count: number): void {
    claim.granted -= count;
    if (claim.granted === 0) claim.advance = 'none';
    this.#granted -= count;
    if (this.#rate !== null) for (let left = count; left > 0; left--) this.#rate.giveBack();
  }

  #claim(host: HostNumber): Claim {
    // A node has a handful of hosts: a scan beats a map.
    const known = this.#claims.find((claim) => claim.host === host);
    if (known !== undefined) return known;
    const claim: Claim = { host, wants: { regular: 0, overdue: 0 }, granted: 0, told: null, isActive: false, advance: 'none' };
    this.#claims.push(claim);
    return claim;
  }

  #nextClaim(lane: Lane): Claim {
    for (;;) {
      const claim = this.#claims[this.#turn++ % this.#claims.length]!;
      if (claim.wants[lane] > 0) return claim;
    }
  }
}
