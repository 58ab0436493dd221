/**
 * Which nodes live, as far as this one knows: kept up to date by watching their sessions.
 *
 * Three questions with different answers. *Alive* is whoever has a session. *Settled* is whoever has had it for a while, so that one that comes and goes
 * moves no partitions. *Gone* is a session that certainly acts no more: it was said to have ended, or the leader has no such session and it was not seen renewed for
 * a full time to live. The last one alone lets others claim what was its: a session that this node merely does not see is not gone, and one that the
 * server dropped too early may still believe in its lease.
 *
 * A server that was without a leader when a session ended tells nobody. So a session that has been silent for longer than it can be is looked up. And a server that
 * was killed may keep it for ever, or bring it back after it was gone (seen with 2.15.1). So one that is there still is ended by whoever finds it, behind the
 * renewal that was seen last: its lease was over long before, and should it live all the same it finds that it is out.
 *
 * Invariant: a session that is gone never comes back, since no name is used twice. Main thread.
 */
import { EngineError } from '../../kernel/errors.js';
import { inStep } from '../../kernel/in-step.js';
import { readNewest } from '../../nats/compare-and-set.js';
import type { NatsLink } from '../../nats/nats-link.js';
import { type SubjectNews, SubjectWatch } from '../../nats/subject-watch.js';
import { endSession, listSessions, sessionOfSubject, sessionPattern, sessionStream, sessionSubject } from './buckets.js';
import { type Member, readSession } from './session-text.js';

export type { Member } from './session-text.js';

export interface MemberMap {
  readonly alive: readonly Member[];
  of(session: string): Member | null;
  /** It was renewed under our eyes, so its process lives: a session that is merely there may be what a dead one left behind. */
  isRenewed(session: string): boolean;
  /** With every change; the result ends that. */
  watch(listener: () => void): () => void;
}

export interface MembersParts {
  readonly link: NatsLink;
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly settledMs: number;
}

interface Sight {
  readonly member: Member;
  /** Of the newest renewal. */
  readonly sequence: number;
  readonly renewals: number;
  readonly settledAt: number;
  readonly isRenewed: boolean;
  seenAt: number;
}

/** A session that is not among those that live, and that the leader is asked for. */
interface Asked {
  readonly at: number;
  readonly sequence: number;
  /** Null: never. */
  readonly seenAt: number | null;
  /** Since when nothing had been missed when it ended before our eyes; null: it did not. */
  readonly endedIn: number | null;
}

const readMsMax = 2_000;
/** A session that the leader still has is asked for again after so long. */
const askAgainMs = 500;
/** Names of sessions that are gone, remembered so that the leader is not asked again. */
const goneMax = 4_096;

export class Members implements MemberMap {
  readonly #parts: MembersParts;
  readonly #watch: SubjectWatch;
  readonly #sights = new Map<string, Sight>();
  readonly #gone = new Set<string>();
  readonly #asked = new Map<string, Asked>();
  readonly #listeners = new Set<() => void>();
  readonly #endSweep: () => void;
  #nextSettlingAt = Number.POSITIVE_INFINITY;
  /** Since when nothing was missed. */
  #currentSince: number | null = null;

  constructor(parts: MembersParts) {
    this.#parts = parts;
    this.#watch = new SubjectWatch({
      link: parts.link,
      stream: sessionStream,
      pattern: sessionPattern,
      news: (news) => this.#learn(news),
      current: (subjects) => this.#becomeCurrent(subjects),
      interrupted: () => {
        this.#currentSince = null;
        this.#changed();
      },
    });
    this.#endSweep = inStep(Math.max(50, parts.renewMs / 4), () => this.#lookAround());
  }

  /** Nothing is being missed at the moment. */
  get isCurrent(): boolean {
    return this.#currentSince !== null;
  }

  get alive(): readonly Member[] {
    return Array.from(this.#sights.values(), ({ member }) => member);
  }

  /** Of each node the newest session, if it has lived long enough. */
  settled(now = performance.now()): readonly Member[] {
    const newest = new Map<string, Member>();
    for (const { member, settledAt } of this.#sights.values()) {
      const other = newest.get(member.node);
      if (settledAt <= now && (other === undefined || isNewer(member, other))) newest.set(member.node, member);
    }
    return [...newest.values()];
  }

  /** Somebody who could own partitions has not lived long enough yet. */
  isSomebodyNew(now = performance.now()): boolean {
    for (const { member, settledAt } of this.#sights.values()) if (member.weight > 0 && settledAt > now) return true;
    return false;
  }

  of(session: string): Member | null {
    return this.#sights.get(session)?.member ?? null;
  }

  isRenewed(session: string): boolean {
    return this.#sights.get(session)?.isRenewed ?? false;
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** When it was last seen renewed, by `performance.now()`; null: never. */
  lastSeen(session: string): number | null {
    return (this.#sights.get(session) ?? this.#asked.get(session))?.seenAt ?? null;
  }

  /** If it is not known yet it is found out, and the listeners are called when it turns out to be so. */
  isGone(session: string): boolean {
    if (this.#gone.has(session)) return true;
    if (!this.#sights.has(session)) void this.#lookUp(session);
    return false;
  }

  /** Known for certain: by whoever had it. */
  over(session: string): void {
    this.#forget(session);
    if (this.#gone.size >= goneMax) this.#gone.delete(this.#gone.values().next().value!);
    this.#gone.add(session);
    this.#changed();
  }

  /** Every session that may act, by the leader's word and not by what has come here so far. Rejects when it does not answer. */
  async now(): Promise<readonly string[]> {
    const { connection } = this.#parts.link;
    if (connection === null) throw new EngineError('partition-unavailable', 'NATS is away');
    const sessions = await listSessions(connection, readMsMax);
    return sessions.filter((session) => !this.#gone.has(session));
  }

  close(): void {
    this.#endSweep();
    this.#watch.close();
  }

  #learn({ subject, sequence, data, headers }: SubjectNews): void {
    const session = sessionOfSubject(subject);
    if (data.length === 0) {
      // It has left by itself, or its time was over.
      if (headers?.get('KV-Operation') === 'DEL') this.over(session);
      else this.#vanish(session);
      return;
    }
    const told = readSession(session, data);
    if (told === null || this.#gone.has(session)) return;
    const now = performance.now();
    const known = this.#sights.get(session);
    const lived = told.renewals * this.#parts.renewMs;
    const settledAt = known?.settledAt ?? now + Math.max(0, this.#parts.settledMs - lived);
    const isRenewed = known !== undefined && (known.isRenewed || told.renewals > known.renewals);
    const { member, renewals } = told;
    // What is told once more, behind a connection that was lost, is no renewal.
    const seenAt = known?.sequence === sequence ? known.seenAt : now;
    this.#sights.set(session, { member, sequence, renewals, isRenewed, settledAt, seenAt });
    for (const former of told.former) if (!this.#gone.has(former)) this.over(former);
    if (known === undefined || known.isRenewed !== isRenewed || known.member.weight !== told.member.weight) this.#changed();
  }

  #becomeCurrent(subjects: ReadonlySet<string>): void {
    // What is not there any more may have been renewed while it was not looked at.
    for (const session of [...this.#sights.keys()]) {
      if (!subjects.has(sessionSubject(session))) this.#vanish(session);
    }
    this.#currentSince = performance.now();
    this.#changed();
  }

  #vanish(session: string): void {
    const sight = this.#sights.get(session);
    if (sight === undefined) return;
    this.#asked.set(session, { at: 0, sequence: sight.sequence, seenAt: sight.seenAt, endedIn: this.#currentSince });
    this.#sights.delete(session);
    this.#changed();
  }

  #forget(session: string): void {
    this.#sights.delete(session);
    this.#asked.delete(session);
  }

  async #lookUp(session: string): Promise<void> {
    const now = performance.now();
    if (this.#currentSince === null) return;
    const asked = this.#asked.get(session) ?? { at: 0, sequence: 0, seenAt: null, endedIn: null };
    const missedUntil = asked.endedIn === this.#currentSince ? Number.NEGATIVE_INFINITY : this.#currentSince;
    const silentSince = Math.max(asked.seenAt ?? Number.NEGATIVE_INFINITY, missedUntil);
    if (now - silentSince < this.#parts.ttlMs || now - asked.at < askAgainMs) return;
    this.#asked.set(session, { ...asked, at: now });
    const found = await this.#read(session);
    if (found === undefined || this.#gone.has(session)) return;
    if (found === null) this.over(session);
    else if (found !== asked.sequence)
      this.#asked.set(session, { ...asked, at: now, sequence: found, seenAt: performance.now() });
    else if (now - silentSince > this.#silentMsMax) await this.#end(session, found);
  }

  /** The sequence of its newest renewal; null: there is none; undefined: the leader does not say. */
  async #read(session: string): Promise<number | null | undefined> {
    const { connection } = this.#parts.link;
    if (connection === null) return undefined;
    try {
      const stored = await readNewest(connection, { stream: sessionStream, subject: sessionSubject(session) }, readMsMax);
      return stored === null || stored.data.length === 0 ? null : stored.sequence;
    } catch {
      // Whatever it was: it is not known to be gone, and asked again.
      return undefined;
    }
  }

  /** Longer than one that lives is. */
  get #silentMsMax(): number {
    return this.#parts.ttlMs + this.#parts.renewMs;
  }

  #lookAround(): void {
    const now = performance.now();
    for (const [session, { seenAt }] of this.#sights)
      if (now - seenAt > this.#silentMsMax) void this.#checkSilent(session, seenAt);
    if (now >= this.#nextSettlingAt) this.#changed();
  }

  async #checkSilent(session: string, seenAt: number): Promise<void> {
    const found = await this.#read(session);
    const sight = this.#sights.get(session);
    if (sight?.seenAt !== seenAt) return;
    if (found === null) this.#vanish(session);
    else if (found === sight.sequence) await this.#end(session, found);
  }

  /** The server should have dropped it. */
  async #end(session: string, after: number): Promise<void> {
    const { connection } = this.#parts.link;
    if (connection === null) return;
    try {
      if (await endSession(connection, { session, after }, readMsMax)) this.over(session);
    } catch {
      // Whatever it was: it is looked at again.
    }
  }

  #changed(): void {
    const now = performance.now();
    this.#nextSettlingAt = Number.POSITIVE_INFINITY;
    for (const { settledAt } of this.#sights.values()) {
      if (settledAt > now) this.#nextSettlingAt = Math.min(this.#nextSettlingAt, settledAt);
    }
    for (const listener of [...this.#listeners]) listener();
  }
}

function isNewer(one: Member, other: Member): boolean {
  return one.startedAt > other.startedAt || (one.startedAt === other.startedAt && one.session > other.session);
}
