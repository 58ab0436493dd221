/**
 * Nodes that share partitions in a simulated world: the real decision (`nextStep`) and placement, over a stream, clocks and a network that are made up.
 *
 * What is cruel here: each node sees changes late, by another delay each time; clocks run apart; nodes freeze and wake up; they are cut off, and what they
 * sent meanwhile arrives or does not; the server drops a session too early. The checker runs after every step: two nodes never act for the same
 * partition at the same time. The rules of members.ts and session.ts that it rests on are written down here once more, as plainly as possible.
 */
import { type Facts, isFree, nextStep, type Stage, type Step } from '../../engine/cluster/ownership/partition-course.js';
import { mayFollow, type Owner } from '../../engine/cluster/ownership/ownership.js';
import { Placement } from '../../engine/cluster/ownership/placement.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { Random } from '../wheel/random.js';

export const simulated = { partitions: 8, ttlMs: 2_000, renewMs: 400, marginMs: 300, turnMs: 100, lookMs: 50, moving: 2 };

interface Due {
  readonly at: number;
  readonly order: number;
  readonly node: SimulatedNode | null;
  readonly run: () => void;
}

export class SimulatedCluster {
  readonly random: Random;
  readonly nodes: SimulatedNode[] = [];
  readonly sessions = new Map<string, { node: string; until: number }>();
  readonly markers: (Owner | null)[] = new Array<Owner | null>(simulated.partitions).fill(null);
  readonly trace: string[] = [];
  now = 0;
  /** Whether anything goes wrong. */
  isCruel = true;
  readonly #placements = new Map<string, Placement>();
  readonly #due: Due[] = [];
  #order = 0;
  #sequence = 0;

  constructor(random: Random, nodes: number) {
    this.random = random;
    for (let index = 0; index < nodes; index++) this.nodes.push(new SimulatedNode(`n${index}`, this));
  }

  /** `node`: whose doing it is; it waits while that one is frozen. */
  after(ms: number, node: SimulatedNode | null, run: () => void): void {
    this.#due.push({ at: this.now + ms, order: this.#order++, node, run });
  }

  /** Throws what the checker finds. */
  run(forMs: number): void {
    const end = this.now + forMs;
    for (;;) {
      let next = -1;
      this.#due.forEach((due, index) => {
        const best = this.#due[next];
        if (best === undefined || due.at < best.at || (due.at === best.at && due.order < best.order)) next = index;
      });
      const due = this.#due[next];
      if (due === undefined || due.at > end) break;
      this.#due.splice(next, 1);
      this.now = Math.max(this.now, due.at);
      if (due.node !== null && due.node.frozenUntil > this.now) this.after(due.node.frozenUntil - this.now, due.node, due.run);
      else due.run();
      this.#check();
    }
    this.now = end;
  }

  delay(): number {
    return this.isCruel && this.random.below(40) === 0 ? this.random.below(1_500) : 1 + this.random.below(20);
  }

  say(line: string): void {
    this.trace.push(`${Math.round(this.now)}\t${line}`);
    if (this.trace.length > 400) this.trace.shift();
  }

  placementOf(names: readonly string[]): Placement {
    const key = names.join();
    const known = this.#placements.get(key);
    if (known !== undefined) return known;
    const placement = new Placement(
      simulated.partitions,
      names.map((node) => ({ node, weight: 1 })),
    );
    this.#placements.set(key, placement);
    return placement;
  }

  /** Null: written. Else what is there. */
  writeMarker(partition: PartitionId, owner: Omit<Owner, 'markerSeq'>, after: number): Owner | null {
    const newest = this.markers[partition] ?? null;
    if ((newest?.markerSeq ?? 0) !== after) return newest;
    const marker = { ...owner, markerSeq: ++this.#sequence };
    if (!owner.released && owner.epoch !== (newest?.epoch ?? 0) + 1)
      throw new Error(`epoch ${owner.epoch} behind ${newest?.epoch}`);
    this.markers[partition] = marker;
    this.say(`${owner.session} marks ${partition}, epoch ${owner.epoch}${owner.released ? ' released' : ''}`);
    for (const node of this.nodes) node.hear(() => node.learnMarker(partition, marker));
    return null;
  }

  /** Creates or renews. False: it is gone. */
  writeSession(session: string, node: string, isNew: boolean): boolean {
    const known = this.sessions.get(session);
    if (known === undefined && !isNew) return false;
    const isEarly = this.isCruel && this.random.below(300) === 0;
    const until = this.now + (isEarly ? this.random.below(simulated.ttlMs) : simulated.ttlMs);
    this.sessions.set(session, { node, until });
    this.after(until - this.now, null, () => {
      const there = this.sessions.get(session);
      if (there === undefined || there.until > this.now) return;
      this.sessions.delete(session);
      for (const one of this.nodes) one.hear(() => one.seen.delete(session));
    });
    for (const one of this.nodes) one.hear(() => one.learnSession(session, node));
    return true;
  }

  /** What freezes and cuts off, until `isCruel` is false. */
  torment(): void {
    this.after(this.random.below(1_500), null, () => {
      if (!this.isCruel) return;
      const node = this.random.pick(this.nodes);
      const ms = this.random.below(3 * simulated.ttlMs);
      if (this.random.below(2) === 0) node.freeze(ms);
      else node.cutOff(ms);
      this.torment();
    });
  }

  #check(): void {
    for (let partition = 0; partition < simulated.partitions; partition++) {
      const acting = this.nodes.filter((node) => node.acts(partition as PartitionId));
      if (acting.length > 1) {
        throw new Error(
          `${acting.map(({ name }) => name).join(' and ')} act for partition ${partition} at ${Math.round(this.now)}`,
        );
      }
    }
  }
}

interface SimulatedCourse {
  stage: Stage;
  takenEpoch: number;
  seenEpoch: number;
  freeSince: number | null;
}

export class SimulatedNode {
  readonly name: string;
  frozenUntil = 0;
  /** Sessions as it knows them: of which node, and when last seen, by its own clock. */
  readonly seen = new Map<string, { node: string; at: number }>();
  readonly #cluster: SimulatedCluster;
  readonly #rate: number;
  readonly #lastSeen = new Map<string, number>();
  readonly #absent = new Set<string>();
  readonly #former = new Set<string>();
  readonly #markers: (Owner | null)[] = new Array<Owner | null>(simulated.partitions).fill(null);
  readonly #courses: SimulatedCourse[];
  #cutUntil = 0;
  #heardUntil = 0;
  #currentSince: number | null = 0;
  #session: string | null = null;
  #sessions = 0;
  #leaseUntil = 0;
  #isWithheld = false;
  #isBusy = false;
  #renewAt = 0;
  isStopping = false;

  constructor(name: string, cluster: SimulatedCluster) {
    this.name = name;
    this.#cluster = cluster;
    this.#rate = 0.995 + cluster.random.next() / 100;
    const course = (): SimulatedCourse => ({ stage: 'elsewhere', takenEpoch: 0, seenEpoch: 0, freeSince: null });
    this.#courses = Array.from({ length: simulated.partitions }, course);
    cluster.after(cluster.random.below(200), this, () => this.#look());
  }

  /** It would start an attempt. */
  acts(partition: PartitionId): boolean {
    const { stage } = this.#courses[partition]!;
    return (stage === 'serving' || stage === 'releasing') && this.frozenUntil <= this.#cluster.now && this.#mayBegin;
  }

  serves(partition: PartitionId): boolean {
    return this.#courses[partition]!.stage === 'serving' && this.acts(partition);
  }

  freeze(ms: number): void {
    this.#cluster.say(`${this.name} freezes for ${ms}`);
    this.frozenUntil = this.#cluster.now + ms;
  }

  cutOff(ms: number): void {
    this.#cluster.say(`${this.name} is cut off for ${ms}`);
    const until = this.#cluster.now + ms;
    if (until <= this.#cutUntil) return;
    this.#cutUntil = until;
    this.#currentSince = null;
    this.#cluster.after(ms, this, () => this.#reconnect(until));
  }

  /** In order, some time later, if it is not cut off then. */
  hear(learn: () => void): void {
    const at = Math.max(this.#heardUntil, this.#cluster.now + this.#cluster.delay());
    this.#heardUntil = at;
    this.#cluster.after(at - this.#cluster.now, this, () => {
      if (this.#currentSince !== null) learn();
    });
  }

  learnSession(session: string, node: string): void {
    this.seen.set(session, { node, at: this.#clock });
    this.#lastSeen.set(session, this.#clock);
  }

  learnMarker(partition: PartitionId, owner: Owner | null): void {
    const course = this.#courses[partition]!;
    if ((owner?.markerSeq ?? 0) < (this.#markers[partition]?.markerSeq ?? 0)) return;
    this.#markers[partition] = owner;
    course.seenEpoch = Math.max(course.seenEpoch, owner?.epoch ?? 0);
  }

  get #clock(): number {
    return this.#cluster.now * this.#rate;
  }

  get #mayBegin(): boolean {
    return this.#session !== null && !this.#isWithheld && this.#clock < this.#leaseUntil;
  }

  get #isCut(): boolean {
    return this.#cluster.now < this.#cutUntil;
  }

  #reconnect(until: number): void {
    if (until !== this.#cutUntil) return;
    this.#isWithheld = this.#session !== null;
    this.#renewAt = 0;
    this.#cluster.after(this.#cluster.delay(), this, () => {
      if (this.#isCut) return;
      this.#currentSince = this.#clock;
      this.seen.clear();
      for (const [session, { node }] of this.#cluster.sessions) this.learnSession(session, node);
      this.#cluster.markers.forEach((owner, partition) => this.learnMarker(partition as PartitionId, owner));
    });
  }

  /** There and back; what is lost on the way may have been done all the same. */
  #ask<Answer>(act: () => Answer, settle: (answer: Answer | undefined) => void): void {
    const { random } = this.#cluster;
    const arrives = !this.#isCut || random.below(4) === 0;
    let answer: Answer | undefined;
    const wasCut = this.#isCut;
    const there = this.#cluster.delay();
    this.#cluster.after(there, null, () => {
      if (arrives) answer = act();
    });
    this.#cluster.after(there + this.#cluster.delay(), this, () => settle(wasCut || this.#isCut ? undefined : answer));
  }

  #look(): void {
    if (this.#session !== null && this.#clock >= this.#leaseUntil) this.#endSession();
    if (!this.#isBusy && !this.#isCut && this.#clock >= this.#renewAt && !this.isStopping) this.#renew();
    const placement = this.#place();
    let moving = this.#courses.filter(({ stage }) => stage === 'releasing' || stage === 'yielding').length;
    this.#courses.forEach((course, number) => {
      const partition = number as PartitionId;
      const step = nextStep(course, this.#facts(partition, placement, moving < simulated.moving));
      if (step.do === 'release') moving++;
      this.#carryOut(partition, step);
    });
    this.#cluster.after(simulated.lookMs, this, () => this.#look());
  }

  #renew(): void {
    const isNew = this.#session === null;
    const session = this.#session ?? `${this.name}.${++this.#sessions}`;
    const sentAt = this.#clock;
    this.#isBusy = true;
    this.#renewAt = sentAt + simulated.renewMs / 4;
    this.#ask(
      () => this.#cluster.writeSession(session, this.name, isNew),
      (isWritten) => {
        this.#isBusy = false;
        const lease = sentAt + simulated.ttlMs - simulated.marginMs;
        if (isNew) {
          if (isWritten !== true || this.#clock >= lease) return void this.#former.add(session);
          this.#session = session;
          this.#isWithheld = false;
        }
        if (this.#session !== session) return;
        if (isWritten === false) return this.#endSession();
        if (isWritten === undefined) return;
        this.#renewAt = this.#clock + simulated.renewMs;
        this.#leaseUntil = lease;
        if (this.#isWithheld) this.#readAgain(session);
      },
    );
  }

  #readAgain(session: string): void {
    this.#ask(
      () => [...this.#cluster.markers],
      (markers) => {
        if (markers === undefined || this.#session !== session) {
          this.#renewAt = 0;
          return;
        }
        markers.forEach((owner, partition) => this.learnMarker(partition as PartitionId, owner));
        const placement = this.#place();
        this.#courses.forEach((course, number) => {
          const step = nextStep(course, this.#facts(number as PartitionId, placement, false));
          if (step.do === 'drop') this.#carryOut(number as PartitionId, step);
        });
        this.#isWithheld = false;
      },
    );
  }

  #endSession(): void {
    this.#cluster.say(`${this.#session} ends`);
    this.#former.add(this.#session!);
    this.#session = null;
    this.#isWithheld = false;
    for (const course of this.#courses)
      if (['restoring', 'serving', 'releasing'].includes(course.stage)) course.stage = 'elsewhere';
  }

  #place(): Placement {
    const names = [...new Set([...this.seen.values()].map(({ node }) => node))].sort();
    return this.#cluster.placementOf(names);
  }

  #facts(partition: PartitionId, placement: Placement, mayMove: boolean): Facts {
    const course = this.#courses[partition]!;
    const owner = this.#currentSince === null ? undefined : (this.#markers[partition] ?? null);
    const isOwnerGone = owner ? this.#isGone(owner.session) : false;
    if (owner !== undefined && isFree(owner, { isOwnerGone })) course.freeSince ??= this.#clock;
    else course.freeSince = null;
    const place = placement.of(partition);
    const turn = this.#former.has(owner?.session ?? '') ? 0 : placement.turnOf(partition, this.name);
    return {
      session: this.#session !== null && (this.#isWithheld || this.#clock < this.#leaseUntil) ? this.#session : null,
      mayBegin: this.#mayBegin,
      owner,
      isOwnerGone,
      place: place.owner === this.name ? 'owner' : place.standby === this.name ? 'standby' : 'none',
      isOurTurn: course.freeSince !== null && this.#clock >= course.freeSince + turn * simulated.turnMs,
      mayMove: mayMove && place.owner !== null,
      isHeld: false,
      isStopping: this.isStopping,
    };
  }

  #isGone(session: string): boolean {
    if (session === this.#session) return false;
    if (this.#former.has(session) || this.#absent.has(session)) return true;
    if (this.seen.has(session) || this.#currentSince === null || this.#isCut) return false;
    const silentSince = Math.max(this.#lastSeen.get(session) ?? Number.NEGATIVE_INFINITY, this.#currentSince);
    if (this.#clock - silentSince < simulated.ttlMs) return false;
    this.#ask(
      () => !this.#cluster.sessions.has(session),
      (isAbsent) => {
        if (isAbsent === true) this.#absent.add(session);
      },
    );
    return false;
  }

  #carryOut(partition: PartitionId, step: Step): void {
    const course = this.#courses[partition]!;
    switch (step.do) {
      case 'follow':
        course.stage = 'following';
        break;
      case 'unfollow':
      case 'drop':
        course.stage = 'elsewhere';
        break;
      case 'take': {
        const { epoch } = step;
        Object.assign(course, { stage: 'restoring', takenEpoch: epoch });
        this.#cluster.after(this.#cluster.random.below(300), this, () => {
          if (course.stage === 'restoring' && course.takenEpoch === epoch) course.stage = 'serving';
        });
        break;
      }
      case 'release': {
        const { takenEpoch } = course;
        course.stage = 'releasing';
        this.#cluster.after(this.#cluster.random.below(100), this, () => {
          if (course.stage === 'releasing' && course.takenEpoch === takenEpoch) this.#mark(partition, takenEpoch, true);
        });
        break;
      }
      case 'claim':
      case 'yield':
        this.#mark(partition, step.epoch, step.do === 'yield');
        break;
      case 'nothing':
        break;
    }
  }

  #mark(partition: PartitionId, epoch: number, released: boolean): void {
    const course = this.#courses[partition]!;
    const after = this.#markers[partition]?.markerSeq ?? 0;
    const marker = { epoch, session: this.#session ?? '', node: this.name, released };
    if (!mayFollow(this.#markers[partition] ?? null, marker)) {
      course.stage = 'elsewhere';
      return;
    }
    course.stage = released ? 'yielding' : 'claiming';
    this.#ask(
      () => {
        this.#cluster.writeMarker(partition, marker, after);
        return this.#cluster.markers[partition] ?? null;
      },
      (newest) => {
        if (newest !== undefined) this.learnMarker(partition, newest);
        course.stage = 'elsewhere';
      },
    );
  }
}
