/**
 * How many connections there are, altogether and from one address, so that one client cannot take all file handles by
 * opening connections and sending nothing (the server closes each after about 12 s, but new ones are cheap).
 *
 * The server library names the address of a connection when it opens, but not when it closes, so a count by address can
 * only grow. Hence: up to the limit of one address in total nobody can have too many and nothing is counted. Beyond it the
 * system is asked who is connected (`peer-census.ts`), at most once a second and without waiting; until the answer comes,
 * the last one and what has opened since are what is known. That errs by less than a second, on either side. Where the
 * system cannot be asked (not Linux), the total is the only limit.
 */
import type { PeerCensus } from './peer-census.js';
import { peerKey } from './peer-key.js';

export interface ConnectionLimits {
  readonly total: number;
  readonly perAddress: number;
  readonly censusAgeMs: number;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #census: PeerCensus;
  readonly #monoMs: () => number;
  #open = 0;
  #known = new Map<string, number>();
  #openedSince = new Map<string, number>();
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #underWay = false;

  constructor({ limits, census, monoMs }: { limits: ConnectionLimits; census: PeerCensus; monoMs: () => number }) {
    this.#limits = limits;
    this.#census = census;
    this.#monoMs = monoMs;
  }

  get open(): number {
    return this.#open;
  }

  /** A connection has opened: may it stay? Either way it counts until `closed`. */
  opened(address: Uint8Array): boolean {
    this.#open++;
    if (this.#open > this.#limits.total) return false;
    if (this.#open <= this.#limits.perAddress) return true;
    this.#refresh();
    const key = peerKey(address);
    const since = (this.#openedSince.get(key) ?? 0) + 1;
    this.#openedSince.set(key, since);
    return (this.#known.get(key) ?? 0) + since <= this.#limits.perAddress;
  }

  closed(): void {
    this.#open--;
  }

  #refresh(): void {
    const nowMs = this.#monoMs();
    if (this.#underWay || nowMs - this.#takenAtMs < this.#limits.censusAgeMs) return;
    this.#underWay = true;
    this.#takenAtMs = nowMs;
    this.#openedSince = new Map();
    void this.#census().then((known) => {
      this.#known = known;
      this.#underWay = false;
    });
  }
}
