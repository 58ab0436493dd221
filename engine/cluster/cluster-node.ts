/**
 * This node's part in the cluster: which partitions it follows, claims, serves and hands over.
 *
 * Its session says that it lives (session.ts), the others' who else does (members.ts), the markers whose is what (ownership.ts), and the placement whose it should
 * be (placement.ts). With each change, and ten times a second while anything depends on time, every partition is looked at: from what is so (outlook.ts) follows
 * one step (partition-course.ts). Here the steps are carried out: orders to the hosts, markers to the stream.
 *
 * What a host says is believed only for the epoch that it was told to take.
 *
 * Invariants: the hosts serve nothing without a session and a marker of that session; at most `claimsInFlightMax` markers are on their way; at most
 * `moving` partitions are on their way to their next owner.
 *
 * Main thread. Leaves to the hosts how a partition is followed, restored, served and released.
 */
import type { PartitionNews } from '../actor/notices.js';
import type { PartitionId } from '../kernel/brand.js';
import { inStep } from '../kernel/in-step.js';
import type { LeaseBoard } from '../kernel/lease-board.js';
import { claimsInFlightMax, handOverAllMsMax, partitionsMovingMax } from '../kernel/limits.js';
import type { NatsLink } from '../nats/nats-link.js';
import { ClusterCounts } from '../observe/cluster-counts.js';
import type { Logger } from '../observe/logger.js';
import { type ClusterTimes, usualTimes } from './cluster-times.js';
import { type ClusterView, clusterView } from './cluster-view.js';
import { Course } from './ownership/course.js';
import { FailureHolds } from './ownership/failure-holds.js';
import type { LogStreamsShape } from './journal/log-streams.js';
import { type Member, type MemberMap, Members } from './membership/members.js';
import { type NodeReport, NodeReports } from './membership/node-reports.js';
import { type Owner, type OwnerMap, Ownership } from './ownership/ownership.js';
import { Outlook } from './ownership/outlook.js';
import { nextStep, type Stage, type Step, stages } from './ownership/partition-course.js';
import { Session } from './membership/session.js';

/** What this node has done with a partition, told to its host. */
export interface PartitionHands {
  follow(partition: PartitionId, on: boolean): void;
  /** The marker of this epoch is won: catch up, open the journal, replay, serve. Ends following. */
  take(partition: PartitionId, epoch: number): void;
  /** In order; answered by 'released'. */
  release(partition: PartitionId): void;
  /** At once: nothing more starts or is answered as done. */
  drop(partition: PartitionId): void;
}

export interface ClusterNodeParts {
  readonly link: NatsLink;
  readonly board: LeaseBoard;
  readonly self: Omit<Member, 'session'>;
  readonly shape: LogStreamsShape;
  readonly hands: PartitionHands;
  readonly logger: Logger;
  readonly times?: ClusterTimes;
  /** Partitions handed over at a time. */
  readonly moving?: number;
}

/** While something follows from time alone: a turn to claim, patience that ends. */
const lookAgainMs = 100;
/** Where nothing does it is looked all the same, and nothing rests on it. */
const restLookMs = 1_000;
const stopLookMs = 10;

export class ClusterNode {
  readonly counts = new ClusterCounts();
  readonly #parts: ClusterNodeParts;
  readonly #session: Session;
  readonly #members: Members;
  readonly #ownership: Ownership;
  readonly #reports: NodeReports;
  readonly #holds = new FailureHolds();
  readonly #outlook: Outlook;
  readonly #courses: readonly Course[];
  readonly #endTimer: () => void;
  #lookAgain: NodeJS.Timeout | null = null;
  #outBecause: string | null = 'has not joined yet';
  #markersInFlight = 0;
  #isLookDue = false;
  /** The first that had no room to be claimed: claims that fail again and again, of a stream that is full, would else keep all the others waiting. */
  #firstToLookAt = 0;
  /** By `performance.now()`. */
  #stoppingSince: number | null = null;
  #isClosed = false;

  constructor(parts: ClusterNodeParts) {
    this.#parts = parts;
    const times = parts.times ?? usualTimes;
    const { link, board, self, shape, logger } = parts;
    this.#courses = Array.from({ length: shape.partitions }, () => new Course());
    this.#ownership = new Ownership({
      link,
      ...shape,
      unreadable: (partition, detail) =>
        logger.error({ partition, detail }, 'an ownership marker cannot be read: its partition is left alone'),
    });
    this.#members = new Members({ link, ...times });
    this.#session = new Session({
      link,
      board,
      self,
      times,
      began: (session) => {
        logger.info({ session, node: self.node }, 'joined the cluster');
        this.#outBecause = null;
        this.#outlook.joined();
        this.#lookSoon();
      },
      ended: (session, why) => this.#sessionEnded(session, why),
      reread: () => this.#reread(),
    });
    this.#reports = new NodeReports({ link, everyMs: times.reportMs, own: () => (self.weight === 0 ? null : this.#report()) });
    this.#outlook = new Outlook({
      self,
      board,
      times,
      partitions: shape.partitions,
      session: this.#session,
      members: this.#members,
      ownership: this.#ownership,
      reports: this.#reports,
      holds: this.#holds,
      logger,
    });
    this.#ownership.watch((partition, owner) => this.#ownerChanged(partition, owner));
    this.#members.watch(() => this.#lookSoon());
    this.#endTimer = inStep(restLookMs, () => this.#look());
  }

  get owners(): OwnerMap {
    return this.#ownership;
  }

  get members(): MemberMap {
    return this.#members;
  }

  /** Null: none at the moment. */
  get session(): string | null {
    return this.#session.name;
  }

  /** It certainly acts no more. */
  isGone(session: string): boolean {
    return this.#members.isGone(session);
  }

  /** Every session that may act, by the leader's word. Rejects when it does not answer. */
  sessionsNow(): Promise<readonly string[]> {
    return this.#members.now();
  }

  /** Null: this node is a member now. */
  get outBecause(): string | null {
    return this.#outBecause;
  }

  /** Entries that copies here are behind. */
  lags(): (readonly [PartitionId, number])[] {
    return [...this.#courses.entries()].flatMap(([partition, { lag }]) =>
      lag === null ? [] : [[partition as PartitionId, lag]],
    );
  }

  /** How many partitions stand where. */
  stages(): Record<Stage, number> {
    const counts = Object.fromEntries(stages.map((stage) => [stage, 0])) as Record<Stage, number>;
    for (const { stage } of this.#courses) counts[stage]++;
    return counts;
  }

  /** Null: it is not served here. */
  servedEpochOf(partition: PartitionId): number | null {
    return this.#courses[partition]!.served?.epoch ?? null;
  }

  stageOf(partition: PartitionId): Stage {
    return this.#courses[partition]!.stage;
  }

  view(): ClusterView {
    return clusterView({
      partitions: this.#courses.length,
      members: this.#members,
      owners: this.#ownership,
      placeOf: (partition) => this.#outlook.placeOf(partition),
      reportOf: (session) => (session === this.#session.name ? (this.#report()?.report ?? null) : this.#reports.of(session)),
    });
  }

  /** What a host has to say. */
  news(news: PartitionNews): void {
    const course = this.#courses[news.partition]!;
    switch (news.op) {
      case 'serving':
        if (course.stage === 'restoring' && course.takenEpoch === news.epoch) this.#nowServing(news, course);
        break;
      case 'released':
        if (course.stage === 'releasing' && course.takenEpoch === news.epoch)
          this.#carryOut(news.partition, { do: 'yield', epoch: news.epoch });
        break;
      case 'lost':
        if (course.isHeldHere && course.takenEpoch === news.epoch) void this.#wasLost(news);
        break;
      case 'following':
        if (course.isFollowed) course.lag = news.lag;
        break;
      case 'failed':
        this.#hasFailed(news.partition, news.detail);
        break;
    }
    this.#lookSoon();
  }

  /** The threads of these partitions have died, and fresh ones know nothing of what the ones before were told. */
  startedAnew(partitions: readonly PartitionId[]): void {
    const { hands } = this.#parts;
    for (const partition of partitions) {
      const course = this.#courses[partition]!;
      if (course.isHeldHere) {
        course.taken(course.takenEpoch);
        hands.take(partition, course.takenEpoch);
      } else if (course.isFollowed) {
        course.followed();
        hands.follow(partition, true);
      }
    }
    this.#lookSoon();
  }

  /** Everything goes to others, within `withinMs`, and nothing is taken any more. This node is a member still, so it can ask them. */
  async handOver(withinMs = handOverAllMsMax): Promise<void> {
    this.#stoppingSince = performance.now();
    this.#session.retire();
    this.#look();
    const deadline = performance.now() + withinMs;
    while (this.#isAnythingOurs() && this.#session.name !== null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, stopLookMs));
    }
  }

  /** Hands everything over that is left, and leaves. Nothing is served afterwards. */
  async stop(withinMs = handOverAllMsMax): Promise<void> {
    if (this.#stoppingSince === null) await this.handOver(withinMs);
    this.#isClosed = true;
    this.#endTimer();
    this.#lookAgainIf(false);
    this.#dropAll();
    await this.#session.leave();
    this.#reports.close();
    this.#members.close();
    this.#ownership.close();
  }

  #lookSoon(): void {
    if (this.#isLookDue || this.#isClosed) return;
    this.#isLookDue = true;
    setImmediate(() => this.#look());
  }

  #look(): void {
    this.#isLookDue = false;
    if (this.#isClosed) return;
    const now = performance.now();
    this.#outlook.refresh(now);
    const movingMax = this.#parts.moving ?? partitionsMovingMax;
    let moving = this.#courses.filter((course) => course.isMoving).length;
    const first = this.#firstToLookAt;
    this.#firstToLookAt = 0;
    let isAtRest = this.#outlook.isAtRest(now);
    for (let at = 0; at < this.#courses.length; at++) {
      const partition = ((first + at) % this.#courses.length) as PartitionId;
      const course = this.#courses[partition]!;
      const facts = this.#outlook.factsOf(partition, {
        course,
        now,
        mayMove: moving < movingMax,
        stoppingSince: this.#stoppingSince,
      });
      isAtRest &&= this.#outlook.isAtRestWith(course, facts);
      const step = nextStep(course, facts);
      if (step.do === 'release') moving++;
      this.#carryOut(partition, step);
    }
    this.#lookAgainIf(!isAtRest);
  }

  #lookAgainIf(isNeeded: boolean): void {
    if (this.#lookAgain !== null) clearTimeout(this.#lookAgain);
    this.#lookAgain = isNeeded ? setTimeout(() => this.#look(), lookAgainMs).unref() : null;
  }

  #carryOut(partition: PartitionId, step: Step): void {
    const course = this.#courses[partition]!;
    const { hands } = this.#parts;
    switch (step.do) {
      case 'nothing':
        break;
      case 'follow':
        course.followed();
        hands.follow(partition, true);
        break;
      case 'unfollow':
        course.left();
        hands.follow(partition, false);
        break;
      case 'claim':
        if (this.#markersInFlight < claimsInFlightMax) void this.#writeMarker(partition, { epoch: step.epoch, released: false });
        else if (this.#firstToLookAt === 0) this.#firstToLookAt = partition;
        break;
      case 'take':
        course.taken(step.epoch);
        hands.take(partition, step.epoch);
        break;
      case 'release':
        course.released(performance.now());
        hands.release(partition);
        break;
      case 'drop':
        this.#drop(partition);
        break;
      case 'yield':
        void this.#writeMarker(partition, { epoch: step.epoch, released: true });
        break;
    }
  }

  async #writeMarker(
    partition: PartitionId,
    { epoch, released }: { readonly epoch: number; readonly released: boolean },
  ): Promise<void> {
    const course = this.#courses[partition]!;
    // Without a session there is none to begin or end: nothing is written then.
    const session = this.#session.name ?? '';
    const { node } = this.#parts.self;
    const idle = released ? { idleMs: course.idleMs(performance.now()) } : {};
    if (released && !course.isFollowed) course.left();
    course.stage = released ? 'yielding' : 'claiming';
    this.#markersInFlight++;
    try {
      const result = await this.#ownership.write(partition, { epoch, session, node, released, ...idle });
      course.isHandedOver = released && result === 'written' && this.#ownership.of(partition)?.released === true;
    } finally {
      this.#markersInFlight--;
      course.markerSettled();
      this.#lookSoon();
    }
  }

  #drop(partition: PartitionId): void {
    const course = this.#courses[partition]!;
    if (course.stage === 'serving') course.servedAt = performance.now() - this.#session.overForMs;
    course.left();
    this.#parts.hands.drop(partition);
  }

  #dropAll(): void {
    this.#courses.forEach((course, partition) => {
      if (course.isHeldHere) this.#drop(partition as PartitionId);
    });
  }

  #nowServing(
    { partition, epoch, takeoverMs, unfinishedAttempts, dataLosses }: PartitionNews & { readonly op: 'serving' },
    course: Course,
  ): void {
    const { takeoverMs: sinceServedMs } = course.serving(performance.now(), { duplicates: unfinishedAttempts, dataLosses });
    this.#holds.clear(partition);
    this.counts.takeovers.record(sinceServedMs);
    this.counts.attemptsAgain += unfinishedAttempts;
    const fields = {
      partition,
      epoch,
      takeover_ms: sinceServedMs,
      restore_ms: Math.round(takeoverMs),
      attempts_again: unfinishedAttempts,
      data_losses: dataLosses,
    };
    this.#parts.logger.info(fields, 'partition taken over');
  }

  async #wasLost({ partition, detail, hasShrunk }: PartitionNews & { readonly op: 'lost' }): Promise<void> {
    const { takenEpoch } = this.#courses[partition]!;
    this.counts.partitionsLost++;
    const said = hasShrunk ? 'the journal of a partition has lost its end' : 'partition lost to another node';
    this.#parts.logger.warn({ partition, epoch: takenEpoch, detail }, said);
    this.#drop(partition);
    await this.#ownership.readAgain([partition]);
    const owner = this.#ownership.of(partition);
    // Fenced without another marker: something else writes there. It is not fought for, but where the journal has lost its end: nobody is as sure to have that
    // as who has written it, so it is claimed again and written again from here.
    if (!hasShrunk && owner !== null && owner.session === this.#session.name && owner.epoch === takenEpoch)
      this.#holds.hold(partition, performance.now());
    this.#lookSoon();
  }

  #hasFailed(partition: PartitionId, detail: string): void {
    const course = this.#courses[partition]!;
    this.counts.partitionsFailed++;
    const heldMs = this.#holds.hold(partition, performance.now());
    this.#parts.logger.error({ partition, detail, held_ms: heldMs }, 'partition failed here: others may have it');
    if (course.isHeldHere) this.#drop(partition);
    else if (course.isFollowed) {
      this.#parts.hands.follow(partition, false);
      course.isFollowed = false;
      course.lag = null;
      if (course.stage === 'following') course.stage = 'elsewhere';
    }
  }

  #sessionEnded(session: string, why: string): void {
    this.#parts.logger.warn({ session, why }, 'no longer in the cluster: its partitions are left to others');
    this.counts.sessionsLost++;
    this.#outBecause = why;
    this.#dropAll();
    this.#outlook.left(session);
    this.#members.over(session);
    this.#lookSoon();
  }

  /** After a connection that was lost: whose is what, by the leader's word. */
  async #reread(): Promise<boolean> {
    const held = [...this.#courses.keys()].filter((partition) => this.#courses[partition]!.isHeldHere) as PartitionId[];
    const isRead = await this.#ownership.readAgain(held);
    this.#look();
    return isRead;
  }

  #ownerChanged(partition: PartitionId, owner: Owner | null): void {
    const course = this.#courses[partition]!;
    course.seenEpoch = Math.max(course.seenEpoch, owner?.epoch ?? 0);
    if (owner?.released === true) course.servedAt = performance.now() - (owner.idleMs ?? 0);
    else course.noteOwned(owner?.session === this.#session.name, performance.now());
    this.#lookSoon();
  }

  #isAnythingOurs(): boolean {
    const session = this.#session.name;
    return this.#courses.some(({ stage }, partition) => {
      const owner = this.#ownership.of(partition as PartitionId);
      const isMarked = owner !== null && owner.session === session && !owner.released;
      return isMarked || (stage !== 'elsewhere' && stage !== 'following');
    });
  }

  #report(): { readonly session: string; readonly report: NodeReport } | null {
    const session = this.#session.name;
    if (session === null) return null;
    const served: NodeReport['served'] = new Map(
      [...this.#courses.entries()].flatMap(([partition, course]) =>
        course.served === null ? [] : [[partition as PartitionId, course.served]],
      ),
    );
    // Whoever misses markers would not notice what is handed to it.
    const canTake = this.#ownership.isCurrent && this.#parts.board.isAhead;
    const followed: NodeReport['followed'] = new Map(canTake ? this.lags() : []);
    return { session, report: { served, followed } };
  }
}
