/**
 * What is so for each partition, as far as this node knows: what the next step is decided on.
 *
 * It puts together the session, who lives, whose is what, whose it should be, and since when. Two rules of time are here. Of those who might claim a partition
 * that nobody owns, each next one waits a little longer, so that one claims and not all. And nodes that have just come wait for others that have
 * just come: when a whole cluster starts, the first one would else take everything, to hand most of it over again; and when two come to a cluster that is
 * there, what goes to the first would move on to the second.
 *
 * Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import type { LeaseBoard } from '../../kernel/lease-board.js';
import { handOverLagMax, handOverLateLagMax } from '../../kernel/limits.js';
import type { Logger } from '../../observe/logger.js';
import type { ClusterTimes } from '../cluster-times.js';
import type { Course } from './course.js';
import type { FailureHolds } from './failure-holds.js';
import type { Member, Members } from '../membership/members.js';
import type { NodeReports } from '../membership/node-reports.js';
import type { Owner, Ownership } from './ownership.js';
import { type Facts, isFree } from './partition-course.js';
import { type Place, Placement } from './placement.js';
import type { Session } from '../membership/session.js';

export interface OutlookParts {
  readonly self: Omit<Member, 'session'>;
  readonly board: LeaseBoard;
  readonly times: ClusterTimes;
  readonly partitions: number;
  readonly session: Session;
  readonly members: Members;
  readonly ownership: Ownership;
  readonly reports: NodeReports;
  readonly holds: FailureHolds;
  readonly logger: Logger;
}

interface Look {
  readonly course: Course;
  /** By `performance.now()`. */
  readonly now: number;
  /** Not too many are on their way. */
  readonly mayMove: boolean;
  /** By `performance.now()`; null: it does not. */
  readonly stoppingSince: number | null;
}

/** Sessions of this process that are remembered: one whose marker stands for longer is treated like anybody's. */
const formerMax = 64;
/** A partition that was released and came back is not released again for so many turns, and twice as many each time. */
const restAfterReturn = 4;

export class Outlook {
  readonly #parts: OutlookParts;
  /** Sessions of this process that are over. */
  readonly #formerOurs = new Set<string>();
  #placement: Placement;
  #candidates: ReadonlyMap<string, Member> = new Map();
  /** By what the placement was computed. */
  #placedFor = '';
  /** Until then others who have just come are waited for. */
  #patientUntil = Number.POSITIVE_INFINITY;
  /** Since when somebody could be given partitions and others who have just come were waited for; null: nobody is. */
  #newcomersSince: number | null = null;
  /** Turns to claim are counted from here on: nodes know of each other, and have placed partitions alike. */
  #turnsFrom = Number.POSITIVE_INFINITY;

  constructor(parts: OutlookParts) {
    this.#parts = parts;
    this.#placement = new Placement(parts.partitions, []);
  }

  placeOf(partition: PartitionId): Place {
    return this.#placement.of(partition);
  }

  /** There is a session. */
  joined(): void {
    this.#patientUntil = performance.now() + 2 * this.#parts.times.settledMs;
  }

  /** This session is over. */
  left(session: string): void {
    if (this.#formerOurs.size >= formerMax) this.#formerOurs.delete(this.#formerOurs.values().next().value!);
    this.#formerOurs.add(session);
  }

  /** Nothing follows from time alone, as far as nodes go. Of each partition says `isAtRestWith`. */
  isAtRest(now: number): boolean {
    const isPatient = this.#newcomersSince !== null || this.#turnsFrom === Number.POSITIVE_INFINITY;
    return !isPatient && !this.#parts.members.isSomebodyNew(now);
  }

  /** It is where it should be, with an owner that lives. Whatever changes that is news. */
  isAtRestWith({ stage, freeSince, misplacedSince }: Course, facts: Facts): boolean {
    const { session, mayBegin, owner, isHeld, isStopping } = facts;
    if (session === null || !mayBegin || isHeld || isStopping || owner === undefined || owner === null) return false;
    if (stage !== 'serving' && stage !== 'following' && stage !== 'elsewhere') return false;
    return freeSince === null && misplacedSince === null && this.#parts.members.of(owner.session) !== null;
  }

  /** Places partitions anew if other nodes have settled. */
  refresh(now: number): void {
    const { members } = this.#parts;
    if (!members.isCurrent) return;
    if (now < this.#patientUntil && members.isSomebodyNew(now)) this.#turnsFrom = Number.POSITIVE_INFINITY;
    else if (this.#turnsFrom === Number.POSITIVE_INFINITY) this.#turnsFrom = now;
    const candidates = this.#settledTogether(now).sort((a, b) => (a.node < b.node ? -1 : 1));
    this.#candidates = new Map(candidates.map((member) => [member.node, member]));
    const placedFor = JSON.stringify(candidates.map(({ node, weight }) => [node, weight]));
    if (placedFor === this.#placedFor) return;
    this.#placedFor = placedFor;
    this.#turnsFrom = Math.max(this.#turnsFrom, now);
    this.#placement = new Placement(this.#parts.partitions, candidates);
    this.#parts.logger.info({ nodes: candidates.map(({ node }) => node) }, 'partitions are shared by these nodes');
  }

  /** Those who may be given partitions. Who is new among them waits for others who are newer, but not for ever: some come and go. */
  #settledTogether(now: number): Member[] {
    const { members, times } = this.#parts;
    const all = members.settled(now).filter(({ weight }) => weight > 0);
    const known = all.filter(({ node }) => this.#candidates.has(node));
    if (known.length === 0 || known.length === all.length) {
      this.#newcomersSince = null;
      return all;
    }
    this.#newcomersSince ??= now;
    const isWorthWaiting = members.isSomebodyNew(now) && now < this.#newcomersSince + 2 * times.settledMs;
    return isWorthWaiting ? known : all;
  }

  /** Notes in its course since when what is so. */
  factsOf(partition: PartitionId, { course, now, mayMove, stoppingSince }: Look): Facts {
    const { board, ownership, holds, session: ours } = this.#parts;
    const { node } = this.#parts.self;
    const { owner: placed, standby } = this.#placement.of(partition);
    const mayBegin = board.isAhead;
    // While what rests on it is read again the lease is withheld, and nothing has ended.
    const session = mayBegin || ours.mode === 'checking' ? ours.name : null;
    const owner = ownership.isCurrent && ownership.isReadable(partition) ? ownership.of(partition) : undefined;
    const isOwnerGone = this.#isGone(owner ?? null);
    if (owner !== undefined) course.noteFree(isFree(owner, { isOwnerGone }), now);
    course.notePlaced(placed !== null && placed !== node, now);
    this.#noteServed(course, owner ?? null);
    return {
      session,
      mayBegin,
      owner,
      isOwnerGone,
      place: placed === node ? 'owner' : standby === node ? 'standby' : 'none',
      isOurTurn: this.#isOurTurn(partition, { course, now }),
      mayMove:
        stoppingSince === null
          ? mayMove && this.#isHeirReady(partition, { course, now })
          : this.#mayLeave(partition, now - stoppingSince),
      isHeld: holds.isHeld(partition, now),
      isStopping: stoppingSince !== null,
    };
  }

  #isGone(owner: Owner | null): boolean {
    if (owner === null || owner.released || owner.session === this.#parts.session.name) return false;
    return this.#formerOurs.has(owner.session) || this.#parts.members.isGone(owner.session);
  }

  /** Another one that lives serves it, as far as is known. */
  #noteServed(course: Course, owner: Owner | null): void {
    if (owner === null || owner.released || owner.session === this.#parts.session.name) return;
    course.servedAt = this.#parts.members.lastSeen(owner.session) ?? course.servedAt;
  }

  #isOurTurn(partition: PartitionId, { course, now }: Pick<Look, 'course' | 'now'>): boolean {
    const { freeSince } = course;
    const { node, weight } = this.#parts.self;
    if (freeSince === null || weight === 0) return false;
    // What was ours a moment ago, and nobody has taken since, need not be restored by anybody else.
    if (this.#formerOurs.has(this.#parts.ownership.of(partition)?.session ?? '')) return true;
    if (!this.#candidates.has(node)) return false;
    return now >= Math.max(freeSince, this.#turnsFrom) + this.#placement.turnOf(partition, node) * this.#parts.times.turnMs;
  }

  /** Whoever should own it is close behind, or has been given time to come close. One that does not follow it is not: it is served better where it is. */
  #isHeirReady(partition: PartitionId, { course, now }: Pick<Look, 'course' | 'now'>): boolean {
    const { misplacedSince } = course;
    const { turnMs, patienceMs } = this.#parts.times;
    if (misplacedSince === null) return false;
    // With a new session it has what it had, and no place yet: what it handed over now would come back when it has settled.
    if (!this.#candidates.has(this.#parts.self.node)) return false;
    // Nodes that hear nothing may still be heard: they seem ready, and take nothing.
    const restMs = course.returns === 0 ? 0 : Math.min(patienceMs, turnMs * restAfterReturn * 2 ** (course.returns - 1));
    if (now < course.returnedAt + restMs) return false;
    const lagMax = now >= misplacedSince + patienceMs ? handOverLateLagMax : handOverLagMax;
    return this.#lagOf(this.#placement.of(partition).owner!, partition) <= lagMax;
  }

  /** This node stops, and has for so long: whoever will own it is close behind, or there is nobody, or time is over. It is served here until then. */
  #mayLeave(partition: PartitionId, stoppingForMs: number): boolean {
    const { times, self } = this.#parts;
    if (stoppingForMs < times.stopPauseMs) return false;
    const { owner, standby } = this.#placement.of(partition);
    const heir = owner === self.node ? standby : owner;
    return heir === null || stoppingForMs >= times.stopPatienceMs || this.#lagOf(heir, partition) <= handOverLagMax;
  }

  /** Entries; infinite: it does not follow, or has been silent for longer than one that lives is. */
  #lagOf(node: string, partition: PartitionId): number {
    const candidate = this.#candidates.get(node);
    const report = candidate === undefined ? null : this.#parts.reports.freshOf(candidate.session);
    return report?.followed.get(partition) ?? Number.POSITIVE_INFINITY;
  }
}
