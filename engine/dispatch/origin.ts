/**
 * One origin: how many attempts may run there, who waits for a slot, and whether its circuit breaker lets anybody through.
 *
 * A slot is taken when it is granted, not when its attempt starts, since the host may start it at any time after:
 *
 *     want -> granted -> running -> ended
 *               |
 *               +-> released (the event was cancelled meanwhile)
 *
 * Invariants: granted + running never exceeds the concurrency; a host never starts or releases more than it was granted;
 * while the circuit is not closed, at most one slot is granted that has not started (the probe).
 *
 * Decides for its own origin only: the courier decides which origin is next.
 */
import type { WaitReason } from '../event/status.js';
import { invariant } from '../kernel/errors.js';
import type { Breaker } from './breaker.js';

/** Number that the composition gives an actor host. */
export type HostNumber = number;

interface Claim {
  readonly host: HostNumber;
  /** Open wishes for a slot. */
  wants: number;
  /** Slots that the host holds and has not used yet. */
  granted: number;
  /** What it was last told about its open wishes. */
  told: WaitReason | null;
}

export class Origin {
  readonly name: string;
  readonly #concurrency: number;
  /** Null: no circuit breaker. */
  readonly breaker: Breaker | null;
  readonly #claims: Claim[] = [];
  /** Place in `#claims` that is served next: hosts take turns. */
  #turn = 0;
  #wants = 0;
  #granted = 0;
  #running = 0;

  constructor({
    name,
    concurrency,
    breaker,
  }: { readonly name: string; readonly concurrency: number; readonly breaker: Breaker | null }) {
    this.name = name;
    this.#concurrency = concurrency;
    this.breaker = breaker;
  }

  get wants(): number {
    return this.#wants;
  }

  /** Slots in use: granted or running. */
  get taken(): number {
    return this.#granted + this.#running;
  }

  /** Nothing would be lost but the breaker's memory. */
  get idle(): boolean {
    return this.#wants === 0 && this.taken === 0;
  }

  get grantable(): boolean {
    return this.#wants > 0 && this.taken < this.#concurrency && this.#passable;
  }

  want(host: HostNumber, count: number): void {
    this.#claim(host).wants += count;
    this.#wants += count;
  }

  /** Fewer may be open than the host believes: some of them were granted while its message was on the way. */
  unwant(host: HostNumber, count: number): void {
    const claim = this.#claim(host);
    const dropped = Math.min(claim.wants, count);
    claim.wants -= dropped;
    this.#wants -= dropped;
  }

  /** Gives one slot away; only when `grantable`. Returns the host that has it now. */
  grant(): HostNumber {
    invariant(
      this.grantable,
      () => `slot of ${this.name} granted with ${this.taken} of ${this.#concurrency} taken, ${this.#wants} wanted`,
    );
    const claim = this.#nextClaim();
    claim.wants -= 1;
    this.#wants -= 1;
    claim.granted += 1;
    this.#granted += 1;
    return claim.host;
  }

  release(host: HostNumber, count: number): void {
    const claim = this.#claim(host);
    invariant(count <= claim.granted, () => `host ${host} released ${count} slots of ${this.name}, held ${claim.granted}`);
    claim.granted -= count;
    this.#granted -= count;
  }

  start(host: HostNumber): void {
    const claim = this.#claim(host);
    invariant(claim.granted > 0, () => `host ${host} started an attempt at ${this.name} without a slot`);
    claim.granted -= 1;
    this.#granted -= 1;
    this.#running += 1;
  }

  end(): void {
    invariant(this.#running > 0, () => `an attempt ended at ${this.name} where none is running`);
    this.#running -= 1;
  }

  /** Its wishes and unused slots are void; its running attempts keep theirs. Returns how many slots came free. */
  hostGone(host: HostNumber): number {
    const at = this.#claims.findIndex((claim) => claim.host === host);
    if (at === -1) return 0;
    const [claim] = this.#claims.splice(at, 1) as [Claim];
    this.#wants -= claim.wants;
    this.#granted -= claim.granted;
    return claim.granted;
  }

  /** Calls `tell` for every host whose reason for waiting is another than it was told last. */
  tellWaiting(tell: (host: HostNumber, reason: WaitReason | null) => void): void {
    const reason = this.#passable ? 'concurrency' : 'breaker';
    for (const claim of this.#claims) {
      const now = claim.wants === 0 ? null : reason;
      if (now === claim.told) continue;
      claim.told = now;
      tell(claim.host, now);
    }
  }

  get #passable(): boolean {
    if (this.breaker === null) return true;
    const { state } = this.breaker;
    return state === 'closed' || (state === 'probe' && this.#granted === 0);
  }

  #claim(host: HostNumber): Claim {
    // A node has a handful of hosts: a scan beats a map.
    const known = this.#claims.find((claim) => claim.host === host);
    if (known !== undefined) return known;
    const claim: Claim = { host, wants: 0, granted: 0, told: null };
    this.#claims.push(claim);
    return claim;
  }

  #nextClaim(): Claim {
    for (;;) {
      const claim = this.#claims[this.#turn++ % this.#claims.length]!;
      if (claim.wants > 0) return claim;
    }
  }
}
