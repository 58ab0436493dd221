/**
 * All origins of one courier: which of them is given the next free slot, and which are worth remembering.
 *
 * Slots are given out once a turn, one to the first origin in line, which then goes to the end, until no slot is free or
 * nobody waits: a busy origin cannot starve another even when the courier's own limit is what is short. An origin that
 * cannot be given a slot (nobody waits, its own limit, its circuit) is not in the line, so a turn costs what it grants and
 * what has changed, however many origins are stuck.
 */
import type { WaitReason } from '../event/status.js';
import { Breaker } from './breaker.js';
import { type HostNumber, Origin } from './origin.js';
import type { Timing } from './timing.js';

export interface OriginsOptions {
  /** Attempts in flight at one origin. */
  readonly originConcurrency: number;
  /** Attempts in flight over all origins. */
  readonly attemptsInFlightMax: number;
  readonly breaker: boolean;
  /** Origins remembered; idle ones beyond it are forgotten, the longest idle first, and with them their breaker's memory. */
  readonly originsMax: number;
}

/** What a turn's end brings. */
export interface OriginsNews {
  readonly granted: (host: HostNumber, origin: string, count: number) => void;
  readonly waiting: (host: HostNumber, origin: string, reason: WaitReason | null) => void;
}

export class Origins {
  readonly #options: OriginsOptions;
  readonly #timing: Timing;
  readonly #changed: () => void;
  readonly #byName = new Map<string, Origin>();
  /** The longest idle first. */
  readonly #idle = new Set<Origin>();
  /** Those that can be given a slot; the first is next. */
  readonly #line = new Set<Origin>();
  /** To be looked at again at the end of this turn. */
  readonly #touched = new Set<Origin>();
  #taken = 0;

  /** `changed`: something happened that the end of this turn must deal with. */
  constructor(parts: { readonly options: OriginsOptions; readonly timing: Timing; readonly changed: () => void }) {
    this.#options = parts.options;
    this.#timing = parts.timing;
    this.#changed = parts.changed;
  }

  get count(): number {
    return this.#byName.size;
  }

  /** Slots in use: granted or running. */
  get taken(): number {
    return this.#taken;
  }

  want(name: string, { host, count }: { readonly host: HostNumber; readonly count: number }): void {
    this.#at(name).want(host, count);
  }

  unwant(name: string, { host, count }: { readonly host: HostNumber; readonly count: number }): void {
    this.#at(name).unwant(host, count);
  }

  release(name: string, { host, count }: { readonly host: HostNumber; readonly count: number }): void {
    this.#at(name).release(host, count);
    this.#taken -= count;
  }

  /** A granted slot is used. */
  start(name: string, host: HostNumber): Origin {
    const origin = this.#at(name);
    origin.start(host);
    return origin;
  }

  end(origin: Origin): void {
    origin.end();
    this.#taken -= 1;
    this.#touch(origin);
  }

  hostGone(host: HostNumber): void {
    for (const origin of this.#byName.values()) {
      this.#taken -= origin.hostGone(host);
      this.#touch(origin);
    }
  }

  /** The end of a turn: free slots are given out, hosts hear why the rest waits, what has long been idle is forgotten. */
  settle(news: OriginsNews, { grant }: { readonly grant: boolean }): void {
    for (const origin of this.#touched) this.#lineUp(origin);
    if (grant) this.#grantSlots(news);
    for (const origin of this.#touched) {
      origin.tellWaiting((host, reason) => news.waiting(host, origin.name, reason));
      if (origin.idle) this.#idle.add(origin);
    }
    this.#touched.clear();
    this.#forgetIdle();
  }

  close(): void {
    for (const origin of this.#byName.values()) origin.breaker?.dispose();
  }

  #grantSlots(news: OriginsNews): void {
    const granted = new Map<Origin, Map<HostNumber, number>>();
    for (const origin of this.#line) {
      if (this.#taken >= this.#options.attemptsInFlightMax) break;
      const host = origin.grant();
      this.#taken += 1;
      this.#touched.add(origin);
      const hosts = granted.get(origin) ?? new Map<HostNumber, number>();
      granted.set(origin, hosts.set(host, (hosts.get(host) ?? 0) + 1));
      // Taken out and put in again, an origin comes up once more in this very loop, after all others.
      this.#line.delete(origin);
      this.#lineUp(origin);
    }
    for (const [origin, hosts] of granted) for (const [host, count] of hosts) news.granted(host, origin.name, count);
  }

  #lineUp(origin: Origin): void {
    if (origin.grantable) this.#line.add(origin);
    else this.#line.delete(origin);
  }

  #forgetIdle(): void {
    for (const origin of this.#idle) {
      if (this.#byName.size <= this.#options.originsMax) return;
      this.#idle.delete(origin);
      this.#byName.delete(origin.name);
      origin.breaker?.dispose();
    }
  }

  #at(name: string): Origin {
    const origin = this.#byName.get(name) ?? this.#create(name);
    this.#idle.delete(origin);
    this.#touch(origin);
    return origin;
  }

  #create(name: string): Origin {
    const { originConcurrency: concurrency, breaker: breaks } = this.#options;
    const breaker = breaks ? new Breaker({ timing: this.#timing, changed: () => this.#touch(origin) }) : null;
    const origin: Origin = new Origin({ name, concurrency, breaker });
    this.#byName.set(name, origin);
    return origin;
  }

  #touch(origin: Origin): void {
    this.#touched.add(origin);
    this.#changed();
  }
}
