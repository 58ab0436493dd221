/**
 * The nodes of a cluster among each other: what this node asks about partitions goes to whoever owns them, and what others ask reaches its hosts.
 *
 *     front --linkOf(partition)--> own host, or call to the owner        calls of others --> desk --> own hosts
 *     status hub <-- changes of all partitions -- own hosts, calls       own hosts --> watch desk --> own hub, others
 *     ask(session) --> call --> answer of that node
 *
 * To the status hub each partition is a host of its own, since each can change its owner by itself.
 *
 * Main thread.
 */
import type { StatusChange } from '../../event/status-change.js';
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { EngineError } from '../../kernel/errors.js';
import { inStep } from '../../kernel/in-step.js';
import { ownerAgainMs, peerPulseMs } from '../../kernel/limits.js';
import type { NatsLink } from '../../nats/nats-link.js';
import type { ClusterCounts } from '../../observe/cluster-counts.js';
import type { HostLink, PartitionLink } from '../../router/host-link.js';
import { OwnerLink, OwnerLoad } from './owner-link.js';
import type { Keeping, OwnerHost } from './sheaf-errand.js';
import { PeerCall } from './peer-call.js';
import { PeerDesk } from './peer-desk.js';
import { isAnswer } from './peer-message.js';
import { PeerPost } from './peer-post.js';
import type { PeerAnswer, PeerQuestion } from './peer-question.js';
import { type WatchAnswer, WatchDesk, type Watcher } from './watch-desk.js';

/** What is needed of `OwnerMap`, ... */
export interface KnownOwners {
  of(partition: PartitionId): { readonly session: string; readonly released: boolean } | null;
  watch(listener: (partition: PartitionId) => void): () => void;
}

/** ... and of `MemberMap`. */
export interface KnownMembers {
  readonly alive: readonly { readonly session: string }[];
  watch(listener: () => void): () => void;
}

export interface PeersParts {
  readonly link: NatsLink;
  /** Of this node; null: it has none at the moment. Looked at with each change of members. */
  session(): string | null;
  readonly partitions: number;
  readonly owners: KnownOwners;
  readonly members: KnownMembers;
  /** Of this node; none on a gateway. */
  readonly hosts: readonly HostLink[];
  /** Of this node; null: it takes no requests for the partition now. */
  ownOwner(partition: PartitionId): OwnerHost | null;
  readonly counts: ClusterCounts;
  keep(partition: PartitionId, events: Uint8Array): Promise<Keeping>;
  /** To this node's status hub. */
  watching(answer: {
    readonly host: number;
    readonly round: number;
    readonly positions: readonly (readonly [PartitionId, Sequence])[];
  }): void;
  changes(changes: readonly StatusChange[]): void;
  startedAnew(partition: PartitionId): void;
  /** What another node keeps of settings for origins is not what it was. What was not heard of is followed by `startedAnew`. */
  settingsChanged(partition: PartitionId): void;
  /** What other nodes ask this one as such. */
  answer(question: PeerQuestion): Promise<PeerAnswer>;
  /** Another node has sent something that makes no sense here. The conversation with it begins anew. */
  notUnderstood(session: string, error: unknown): void;
  /** Before anything that rests on the next one. `startedAnew` of each partition follows. */
  sessionOver(): void;
}

export class Peers {
  readonly watchDesk: WatchDesk;
  readonly #parts: PeersParts;
  readonly #post: PeerPost;
  readonly #desk: PeerDesk;
  readonly #calls = new Map<string, PeerCall>();
  readonly #links: readonly OwnerLink[];
  readonly #self: Watcher;
  readonly #unwatch: readonly (() => void)[];
  readonly #load: OwnerLoad;
  readonly #endPulse: () => void;
  /** While anything is open: most of what a node at rest did was to look for what waits. */
  #ticking: NodeJS.Timeout | null = null;
  #session: string | null;

  constructor(parts: PeersParts) {
    const { partitions, hosts, owners, members, keep } = parts;
    this.#parts = parts;
    this.#session = parts.session();
    const monoMs = (): number => performance.now();
    this.watchDesk = new WatchDesk({
      hosts: hosts.length,
      hostOf: (partition) => partition % hosts.length,
      order: ({ host, on, round }) => hosts[host]!.send({ op: 'watch', on, round }),
    });
    this.#self = {
      watching: (answer) => this.#watching(answer),
      changes: (changes) => parts.changes(changes),
    };
    this.#load = new OwnerLoad(() => this.#beginTicking());
    this.#links = Array.from({ length: partitions }, (_, number) => {
      const partition = number as PartitionId;
      return new OwnerLink({ partition, owner: () => this.#ownerOf(partition), keep, monoMs }, this.#load);
    });
    this.#post = new PeerPost({
      link: parts.link,
      session: this.#session,
      counts: parts.counts,
      take: (from, part) => {
        if (isAnswer(part.topic)) this.#calls.get(from)?.heard(part);
        else this.#desk.heard(from, part);
      },
      notUnderstood: (from, error) => {
        parts.notUnderstood(from, error);
        this.#desk.gone(from);
        this.#calls.get(from)?.notUnderstood();
      },
      changed: (isUp) => {
        for (const call of this.#calls.values()) call.postChanged(isUp);
      },
    });
    this.#desk = new PeerDesk({
      post: this.#post,
      watchDesk: this.watchDesk,
      linkOf: (partition) => parts.ownOwner(partition),
      answer: (question) => parts.answer(question),
      monoMs,
    });
    this.#membersChanged();
    this.#unwatch = [members.watch(() => this.#membersChanged()), owners.watch((partition) => this.ownerChanged(partition))];
    this.#endPulse = inStep(peerPulseMs, () => {
      for (const call of this.#calls.values()) call.pulse();
      this.#desk.tick();
    });
  }

  linkOf(partition: PartitionId): PartitionLink {
    return this.#links[partition]!;
  }

  /** Of another node. Rejects with EngineError: it is not known, refuses, or was lost before it answered. */
  ask(session: string, question: PeerQuestion): Promise<PeerAnswer> {
    const call = this.#calls.get(session);
    return call?.ask(question) ?? Promise.reject(new EngineError('partition-unavailable', `no node has the session ${session}`));
  }

  /** Of a partition that this node serves. */
  settingsChanged(partition: PartitionId): void {
    this.#desk.settingsChanged(partition);
  }

  /** Whether another node owns it. */
  isElsewhere(partition: PartitionId): boolean {
    const session = this.#sessionOf(partition);
    return session !== null && session !== this.#session;
  }

  /** Of the status hub. `host`: the partition. */
  watch({ host, on, round }: { readonly host: number; readonly on: boolean; readonly round: number }): void {
    const request = { partition: host as PartitionId, on, round };
    const session = this.#sessionOf(request.partition);
    if (session === null) return;
    if (session === this.#session) this.watchDesk.watch(this.#self, request);
    else this.#calls.get(session)?.watch(request);
  }

  /** Also when this node begins or ends to take requests for it. */
  ownerChanged(partition: PartitionId): void {
    if (this.#sessionOf(partition) !== this.#session) this.watchDesk.gone(partition);
    this.#links[partition]!.ownerChanged();
    this.#parts.startedAnew(partition);
  }

  /** Refuses what comes from now on. */
  refuse(because: EngineError): void {
    for (const link of this.#links) link.close(because);
  }

  close(): void {
    this.#endPulse();
    this.#endTicking();
    for (const unwatch of this.#unwatch) unwatch();
    for (const call of this.#calls.values()) call.close('this node is stopping');
    for (const link of this.#links) link.end();
    this.#post.close();
  }

  #beginTicking(): void {
    this.#ticking ??= setInterval(() => {
      for (const link of this.#links) link.tick();
      if (this.#load.items === 0) this.#endTicking();
    }, ownerAgainMs);
  }

  #endTicking(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    this.#ticking = null;
  }

  #membersChanged(): void {
    const { members } = this.#parts;
    this.#checkSession();
    const alive = new Set(members.alive.map(({ session }) => session));
    for (const [session, call] of [...this.#calls]) {
      if (alive.has(session)) continue;
      this.#calls.delete(session);
      call.close('its owner is gone');
      this.#desk.gone(session);
    }
    // Before it knows its own it could take that for another node's, and write to itself for ever.
    if (this.#session === null) return;
    for (const session of alive) {
      if (session === this.#session || this.#calls.has(session)) continue;
      const call = new PeerCall({
        session,
        post: this.#post,
        monoMs: () => performance.now(),
        watching: (answer) => this.#watching(answer),
        changes: (changes) => this.#parts.changes(changes),
        settingsChanged: (partition) => this.#parts.settingsChanged(partition),
        restarted: () => this.#peerChanged(session),
      });
      this.#calls.set(session, call);
      this.#peerChanged(session);
    }
  }

  /** This process may go on under another session, and then others know nothing of what it has asked. */
  #checkSession(): void {
    const session = this.#parts.session();
    if (session === this.#session) return;
    if (this.#session !== null) this.#parts.sessionOver();
    this.#session = session;
    this.#post.rename(session);
    for (const call of this.#calls.values()) call.postChanged(this.#post.isUp);
    for (let partition = 0; partition < this.#parts.partitions; partition++) this.ownerChanged(partition as PartitionId);
  }

  /** What it was asked is void, or it can be asked now. */
  #peerChanged(session: string): void {
    for (let number = 0; number < this.#parts.partitions; number++) {
      const partition = number as PartitionId;
      if (this.#sessionOf(partition) === session) this.ownerChanged(partition);
    }
  }

  #watching({ partition, round, position }: WatchAnswer): void {
    this.#parts.watching({ host: partition, round, positions: position === null ? [] : [[partition, position]] });
  }

  #sessionOf(partition: PartitionId): string | null {
    const owner = this.#parts.owners.of(partition);
    return owner === null || owner.released ? null : owner.session;
  }

  #ownerOf(partition: PartitionId): OwnerHost | null {
    const session = this.#sessionOf(partition);
    if (session === null) return null;
    if (session === this.#session) return this.#parts.ownOwner(partition);
    const link = this.#calls.get(session)?.link;
    return link === undefined || link.isDown ? null : link;
  }
}
