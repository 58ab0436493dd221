/**
 * All origins of one courier: which of them is given the next free slot, and which are worth remembering.
 *
 * Slots are given out once a turn, one to the first origin in line, which then goes to the end, until no slot is free or
 * nobody waits: a busy origin cannot starve another even when the courier's own limit is what is short. An origin that
 * cannot be given a slot (nobody waits, its own limits, its circuit, not known what is set for it) is not in the line, so a turn
 * costs what it grants and what has changed, however many origins are stuck. One that waits for its pace has a timer.
 */
import type { SettingsRow } from '../event/origin-settings.js';
import type { WaitReason } from '../event/status.js';
import type { MonoMs, PartitionId, Sequence } from '../kernel/brand.js';
import { type AdvanceNews, Advances } from './advances.js';
import { Breaker } from './breaker.js';
import { type HostNumber, Origin } from './origin.js';
import { OriginBook } from './origin-book.js';
import { type Lane, lanes } from './protocol.js';
import type { CancelTimer, Timing } from './timing.js';

export interface OriginsOptions {
  /** Attempts in flight at one origin. */
  readonly originConcurrency: number;
  /** Attempts in flight over all origins. */
  readonly attemptsInFlightMax: number;
  readonly breaker: boolean;
  /** Origins remembered; idle ones beyond it are forgotten, the longest idle first, and with them their breaker's memory. */
  readonly originsMax: number;
  /** Of the engine: they keep what is set for origins. */
  readonly partitions: number;
  /** Overdue attempts per second and origin. */
  readonly recoveryRate: number;
}

/** What a turn's end brings. */
export interface OriginsNews extends AdvanceNews {
  readonly granted: (host: HostNumber, grant: { readonly origin: string; readonly lane: Lane; readonly count: number }) => void;
  readonly waiting: (host: HostNumber, origin: string, reason: WaitReason | null) => void;
}

/** What hosts ask about one origin. */
interface Ask {
  readonly host: HostNumber;
  readonly lane: Lane;
  readonly count: number;
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
  readonly #book: OriginBook;
  readonly #advances: Advances;
  /** Those of which it is not known what is set for them. */
  readonly #unknown = new Set<Origin>();
  /** Those that wait for their pace. */
  readonly #paced = new Map<Origin, CancelTimer>();
  /** Those whose circuit is not closed. */
  readonly #broken = new Set<Origin>();
  /** Those to which there is no way. */
  readonly #unreachable = new Set<string>();
  /** How often a circuit has opened. */
  #openings = 0;
  #taken = 0;
  #sharers = 1;

  /** `changed`: something happened that the end of this turn must deal with. */
  constructor(parts: { readonly options: OriginsOptions; readonly timing: Timing; readonly changed: () => void }) {
    this.#options = parts.options;
    this.#timing = parts.timing;
    this.#changed = parts.changed;
    this.#book = new OriginBook(parts.options.partitions);
    this.#advances = new Advances(parts.options.attemptsInFlightMax);
  }

  get count(): number {
    return this.#byName.size;
  }

  /** Slots in use: granted or running. */
  get taken(): number {
    return this.#taken;
  }

  /** Origins whose circuit is not closed, by its state. */
  get broken(): { readonly open: number; readonly halfOpen: number } {
    let open = 0;
    for (const { breaker } of this.#broken) if (breaker?.state === 'open') open++;
    return { open, halfOpen: this.#broken.size - open };
  }

  /** How often a circuit has opened. */
  get openings(): number {
    return this.#openings;
  }

  want(name: string, { host, lane, count }: Ask): void {
    this.#at(name).want(host, { lane, count });
  }

  unwant(name: string, { host, lane, count }: Ask): void {
    this.#at(name).unwant(host, { lane, count });
  }

  release(name: string, { host, lane, count }: Ask): void {
    this.#at(name).release(host, { lane, count });
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

  // ---- what is set ----

  /** All that a partition keeps for origins of this courier. */
  told(partition: PartitionId, said: { readonly position: Sequence; readonly rows: readonly SettingsRow[] }): void {
    for (const name of this.#book.told(partition, said)) this.#renew(name);
    for (const origin of this.#unknown) this.#renew(origin.name);
  }

  /** A partition will not tell what it keeps. */
  lost(partition: PartitionId): void {
    this.#book.lost(partition);
    for (const origin of this.#unknown) this.#renew(origin.name);
  }

  /** Nothing of what was told may hold any more: nothing is granted anywhere before it is told anew. */
  forgetSettings(): void {
    this.#book.forget();
    for (const name of this.#byName.keys()) this.#renew(name);
  }

  /** As the home of the origin has just decided it. */
  set(row: SettingsRow): void {
    this.#book.set(row);
    this.#renew(row.origin);
  }

  /** So many nodes make attempts, each of them its share of what any origin allows. */
  shareAmong(sharers: number): void {
    this.#sharers = sharers;
    for (const origin of this.#byName.values()) {
      origin.shareAmong(sharers);
      this.#touch(origin);
    }
  }

  /** As if nothing had ever failed there. */
  closeBreaker(name: string): void {
    const origin = this.#byName.get(name);
    if (origin === undefined || origin.breaker === null) return;
    origin.replaceBreaker(this.#newBreaker(() => origin));
    this.#broken.delete(origin);
    this.#touch(origin);
  }

  /** There is a way to it, or none for now: then its events wait as if its circuit were open. */
  reach(name: string, isReachable: boolean): void {
    if (isReachable) this.#unreachable.delete(name);
    else this.#unreachable.add(name);
    const origin = this.#byName.get(name);
    if (origin === undefined) return;
    origin.isReachable = isReachable;
    this.#touch(origin);
  }

  /** Every partition has told what it keeps, or will not. */
  get haveAllSpoken(): boolean {
    return this.#book.haveAllSpoken;
  }

  // ---- what is shown ----

  /** One that is not in use is as it would be. */
  look(name: string): Origin {
    return this.#byName.get(name) ?? this.#made(name);
  }

  /** Every name that something is known of, some perhaps twice. Stays usable while origins come and go. */
  *names(): Generator<string, void, undefined> {
    yield* this.#byName.keys();
    yield* this.#book.origins();
  }

  hostGone(host: HostNumber): void {
    for (const origin of this.#byName.values()) {
      this.#taken -= origin.hostGone(host);
      this.#touch(origin);
    }
  }

  /** The end of a turn: free slots are given out, hosts hear why the rest waits, what has long been idle is forgotten. */
  settle(news: OriginsNews, { grant }: { readonly grant: boolean }): void {
    // One moment for all of it: a token that came between two looks would be nobody's.
    const now = this.#timing.monoMs();
    for (const origin of this.#touched) this.#lineUp(origin, now);
    if (grant) this.#grantSlots(news, now);
    for (const origin of this.#touched) {
      this.#taken += this.#advances.settle(origin, { news, room: grant ? this.#roomForAdvances : 0 });
      this.#pace(origin, now);
      origin.tellWaiting((host, reason) => news.waiting(host, origin.name, reason));
      if (origin.idle) this.#idle.add(origin);
    }
    if (this.#line.size > 0 && this.#taken >= this.#options.attemptsInFlightMax) this.#advances.recallOldest(news);
    this.#touched.clear();
    this.#forgetIdle();
  }

  /** While half of all slots are in use none is given in advance. */
  get #roomForAdvances(): number {
    return Math.floor(this.#options.attemptsInFlightMax / 2) - this.#taken;
  }

  close(): void {
    for (const origin of this.#byName.values()) origin.breaker?.dispose();
    for (const cancel of this.#paced.values()) cancel();
    this.#paced.clear();
  }

  #grantSlots(news: OriginsNews, now: MonoMs): void {
    const granted: Grants = new Map();
    for (const origin of this.#line) {
      if (this.#taken >= this.#options.attemptsInFlightMax) break;
      // Taken out and put in again, an origin comes up once more in this very loop, after all others.
      this.#line.delete(origin);
      this.#touched.add(origin);
      // Where it is the only one in line it is its turn until it has enough.
      do {
        const lane = origin.next(now);
        if (lane === null) break;
        countsOf(granted, origin, origin.grant(lane, now))[lane]++;
        this.#taken += 1;
      } while (this.#line.size === 0 && this.#taken < this.#options.attemptsInFlightMax);
      if (origin.next(now) !== null) this.#line.add(origin);
    }
    for (const [{ name }, hosts] of granted) {
      for (const [host, counts] of hosts) {
        for (const lane of lanes) if (counts[lane] > 0) news.granted(host, { origin: name, lane, count: counts[lane] });
      }
    }
  }

  #lineUp(origin: Origin, now: MonoMs): void {
    if (origin.next(now) !== null) this.#line.add(origin);
    else this.#line.delete(origin);
  }

  /** Time alone keeps somebody waiting there: look again when it is over. */
  #pace(origin: Origin, now: MonoMs): void {
    const waitMs = origin.paceMs(now);
    if (waitMs === null || this.#paced.has(origin)) return;
    const cancel = this.#timing.after(waitMs, () => {
      this.#paced.delete(origin);
      this.#touch(origin);
    });
    this.#paced.set(origin, cancel);
  }

  #forgetIdle(): void {
    for (const origin of this.#idle) {
      if (this.#byName.size <= this.#options.originsMax) return;
      this.#idle.delete(origin);
      this.#byName.delete(origin.name);
      this.#unknown.delete(origin);
      this.#broken.delete(origin);
      this.#paced.get(origin)?.();
      this.#paced.delete(origin);
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
    const origin = this.#made(name);
    this.#byName.set(name, origin);
    if (origin.settings === null) this.#unknown.add(origin);
    return origin;
  }

  #made(name: string): Origin {
    const { originConcurrency: concurrency, breaker: breaks, recoveryRate } = this.#options;
    const breaker = breaks ? this.#newBreaker(() => origin) : null;
    const settings = this.#book.of(name);
    const origin: Origin = new Origin({ name, concurrency, recoveryRate, sharers: this.#sharers, breaker, settings });
    origin.isReachable = !this.#unreachable.has(name);
    return origin;
  }

  #newBreaker(of: () => Origin): Breaker {
    const breaker: Breaker = new Breaker({
      timing: this.#timing,
      changed: () => {
        const origin = of();
        if (breaker.state === 'closed') this.#broken.delete(origin);
        else this.#broken.add(origin);
        this.#touch(origin);
      },
      opened: () => {
        this.#openings++;
      },
    });
    return breaker;
  }

  /** What is set for it may have changed. */
  #renew(name: string): void {
    const origin = this.#byName.get(name);
    if (origin === undefined) return;
    origin.settings = this.#book.of(name);
    if (origin.settings === null) this.#unknown.add(origin);
    else this.#unknown.delete(origin);
    this.#touch(origin);
  }

  #touch(origin: Origin): void {
    this.#touched.add(origin);
    this.#changed();
  }
}

/** Slots given in one turn. */
type Grants = Map<Origin, Map<HostNumber, Record<Lane, number>>>;

function countsOf(granted: Grants, origin: Origin, host: HostNumber): Record<Lane, number> {
  let hosts = granted.get(origin);
  if (hosts === undefined) {
    hosts = new Map();
    granted.set(origin, hosts);
  }
  let counts = hosts.get(host);
  if (counts === undefined) {
    counts = { regular: 0, overdue: 0 };
    hosts.set(host, counts);
  }
  return counts;
}
