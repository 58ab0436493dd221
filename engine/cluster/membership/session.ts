/**
 * This node's session: the key that says to the others that it lives, and the lease that follows from it.
 *
 * The lease ends a margin before the key can be gone. It counts from the moment at which a renewal was *sent*: the server's time to live begins later, so
 * whoever finds the key gone knows that the lease was over before. It is renewed only for hosts that live: one that hangs would keep its partitions
 * for ever, deaf and undelivered.
 *
 * Modes
 *   out       No session, no lease. Connected, and every host has beaten since the last one ended -> joining.
 *   joining   A new name is written where there must be none. Written -> in; else -> out.
 *   in        Renewed every `renewMs` by compare-and-set; the lease moves on with each. Connection lost and back -> checking.
 *   checking  The lease is withheld: nothing starts until the session was renewed and what rests on it was read again -> in.
 *   closed    By us.
 * From `in` and `checking` back to `out`, with a new name next time: the lease is over by either clock, or the key is gone.
 *
 * An answer that is lost leaves open whether the key was written: it is read, and whatever it holds is ours, since nobody else uses the name.
 *
 * Invariant: the lease board is ahead only in `in`. Main thread.
 */
import { randomBytes } from 'node:crypto';
import { inStep } from '../../kernel/in-step.js';
import { type LeaseBoard, machineNow } from '../../kernel/lease-board.js';
import { readNewest, writeBehind } from '../../nats/compare-and-set.js';
import type { NatsLink } from '../../nats/nats-link.js';
import { endSession, sessionStream, sessionSubject } from './buckets.js';
import { type Member, sessionText } from './session-text.js';

export interface SessionTimes {
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly marginMs: number;
}

export interface SessionParts {
  readonly link: NatsLink;
  readonly board: LeaseBoard;
  readonly self: Omit<Member, 'session'>;
  readonly times: SessionTimes;
  began(session: string): void;
  /** The lease board says so already. */
  ended(session: string, why: string): void;
  /** After a connection that was lost: read again what rests on the session. Rejects or false: not yet. */
  reread(): Promise<boolean>;
}

type Mode = 'out' | 'joining' | 'in' | 'checking' | 'closed';

/** Earlier sessions that are told of. */
const formerMax = 8;
const leaveMsMax = 1_000;

export class Session {
  readonly #parts: SessionParts;
  readonly #former: string[] = [];
  readonly #unwatch: () => void;
  readonly #endTimer: () => void;
  #mode: Mode = 'out';
  #name: string | null = null;
  #weight: number;
  /** Of the newest renewal. */
  #sequence = 0;
  #renewals = 0;
  #leaseUntil = 0;
  #renewAt = 0;
  /** What the hosts had counted when the last renewal was sent. */
  #beats: readonly number[];
  /** A write is under way, or what follows from it. */
  #work: Promise<void> | null = null;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#weight = parts.self.weight;
    this.#beats = this.#countBeats();
    this.#endTimer = inStep(Math.min(250, parts.times.renewMs / 4), () => this.#look());
    this.#unwatch = parts.link.watch(({ isConnected }) => this.#linkChanged(isConnected));
  }

  /** Null without one. With one, the lease board says whether it may act. */
  get name(): string | null {
    return this.#mode === 'in' || this.#mode === 'checking' ? this.#name : null;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** How long its lease has been over, of the session that was the last; 0 while it is ahead. A process that was stopped finds that out long after. */
  get overForMs(): number {
    return Math.max(0, machineNow() - this.#leaseUntil);
  }

  /** From now on it takes no partitions. Told with the next renewal, which is due at once. */
  retire(): void {
    this.#weight = 0;
    this.#renewAt = 0;
    this.#look();
  }

  /** In order: whoever sees it need not wait for the time to live. Everything that rests on it has ended before. */
  async leave(): Promise<void> {
    const wasIn = this.name;
    this.#mode = 'closed';
    this.#endTimer();
    this.#unwatch();
    this.#parts.board.grantUntil(0);
    await this.#work;
    const { connection } = this.#parts.link;
    if (wasIn === null || connection === null) return;
    // If it cannot be said, the time to live says it.
    await endSession(connection, { session: wasIn, after: this.#sequence }, leaveMsMax).catch(() => undefined);
  }

  #linkChanged(isConnected: boolean): void {
    if (!isConnected) return;
    if (this.#mode === 'in') {
      this.#mode = 'checking';
      this.#parts.board.grantUntil(0);
      this.#renewAt = 0;
    }
    this.#look();
  }

  #look(): void {
    if (this.name !== null && !this.#isLeaseAhead()) this.#end('the lease is over');
    if (this.#work !== null || this.#parts.link.connection === null) return;
    if (this.#mode === 'out' && this.#hostsLive()) this.#begin(this.#join());
    else if (this.name !== null && performance.now() >= this.#renewAt && this.#hostsLive()) this.#begin(this.#renew());
  }

  /** While the board is withheld the monotonic clock alone is asked: what follows is a renewal, which fails if the key is gone. */
  #isLeaseAhead(): boolean {
    return this.#mode === 'checking' ? machineNow() < this.#leaseUntil : this.#parts.board.isAhead;
  }

  #begin(work: Promise<void>): void {
    const over = work.finally(() => {
      if (this.#work === over) this.#work = null;
    });
    this.#work = over;
  }

  async #join(): Promise<void> {
    this.#mode = 'joining';
    this.#name = randomBytes(8).toString('hex');
    this.#renewals = 0;
    this.#sequence = 0;
    const sentAt = machineNow();
    const written = await this.#write(this.#parts.times.ttlMs);
    if (this.#isClosed) return;
    if (!written || machineNow() >= this.#leaseFrom(sentAt)) {
      // If it was written after all, this name is one of the former ones.
      this.#retireName();
      this.#mode = 'out';
      return;
    }
    this.#mode = 'in';
    this.#grant(sentAt);
    this.#parts.began(this.#name);
  }

  async #renew(): Promise<void> {
    const sentAt = machineNow();
    const name = this.#name;
    const written = await this.#write(this.#parts.times.renewMs);
    if (this.name !== name || this.#isClosed) return;
    if (!written) {
      if (!(await this.#adoptKey()) && this.name === name && !this.#isClosed) this.#end('the session is gone');
      return;
    }
    if (this.#mode === 'checking') {
      const isRead = await this.#parts.reread().catch(() => false);
      if (!isRead || this.name !== name || this.#mode !== 'checking' || this.#parts.link.connection === null) return;
      this.#mode = 'in';
    }
    this.#grant(sentAt);
  }

  /** False: not written, as far as is known. */
  async #write(timeoutMs: number): Promise<boolean> {
    const { link, times, self } = this.#parts;
    const session = this.#name!;
    this.#beats = this.#countBeats();
    this.#renewAt = performance.now() + times.renewMs / 4;
    const member = { ...self, session, weight: this.#weight };
    const payload = sessionText({ member, renewals: this.#renewals, former: this.#former });
    const at = { stream: sessionStream, subject: sessionSubject(session) };
    try {
      const write = { ...at, payload, after: this.#sequence, ttlMs: times.ttlMs };
      const result = await writeBehind(link.connection!, write, timeoutMs);
      if (result.kind === 'behind') return false;
      this.#sequence = result.sequence;
      this.#renewals++;
      return true;
    } catch {
      // Lost, late or refused: the key is looked at, or it ends with its lease.
      return false;
    }
  }

  /** What stands in the key is ours, if anything does. False: the leader has none. */
  async #adoptKey(): Promise<boolean> {
    const { link, times } = this.#parts;
    const at = { stream: sessionStream, subject: sessionSubject(this.#name!) };
    try {
      const stored = await readNewest(link.connection!, at, times.renewMs);
      if (stored === null || stored.data.length === 0) return false;
      this.#sequence = stored.sequence;
      return true;
    } catch {
      // Not known: tried again until the lease is over.
      return true;
    }
  }

  #grant(sentAt: number): void {
    this.#leaseUntil = this.#leaseFrom(sentAt);
    this.#renewAt = performance.now() + this.#parts.times.renewMs;
    this.#parts.board.grantUntil(this.#leaseUntil);
  }

  #leaseFrom(sentAt: number): number {
    return sentAt + this.#parts.times.ttlMs - this.#parts.times.marginMs;
  }

  #end(why: string): void {
    const ended = this.#name!;
    this.#parts.board.endTerm();
    this.#beats = this.#countBeats();
    this.#mode = 'out';
    this.#retireName();
    this.#parts.ended(ended, why);
  }

  #retireName(): void {
    this.#former.push(this.#name!);
    if (this.#former.length > formerMax) this.#former.shift();
    this.#name = null;
  }

  get #isClosed(): boolean {
    return this.#mode === 'closed';
  }

  #countBeats(): readonly number[] {
    const { board } = this.#parts;
    return Array.from({ length: board.hosts }, (_, host) => board.beats(host));
  }

  #hostsLive(): boolean {
    return this.#countBeats().every((beats, host) => beats !== this.#beats[host]);
  }
}
