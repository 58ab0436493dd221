/** Nodes of a cluster as far as they talk to each other: real NATS between them, hosts that a test answers for. */
import type { Test } from 'tap';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest, NumberedHostRequest } from '../../engine/actor/requests.js';
import type { ClusterOrigins } from '../../engine/cluster/origins/cluster-origins.js';
import type { PeerAnswer, PeerQuestion } from '../../engine/cluster/peers/peer-question.js';
import { Peers } from '../../engine/cluster/peers/peers.js';
import type { Keeping } from '../../engine/cluster/peers/sheaf-errand.js';
import { ClusterCounts } from '../../engine/observe/cluster-counts.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import type { EngineError } from '../../engine/kernel/errors.js';
import { decodeMessages } from '../../engine/kernel/message-codec.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { HostLink } from '../../engine/router/host-link.js';
import { ScheduledEvents } from '../../engine/router/scheduled-events.js';
import { eventIdBytes, mintEventIdIn } from '../../engine/kernel/event-id.js';
import { until } from '../support/deadline.js';

export const partitions = 4;

/** Owners and members as all nodes of a test know them. */
export class World {
  readonly #owners = new Map<PartitionId, { session: string; released: boolean }>();
  readonly #ownerListeners = new Set<(partition: PartitionId) => void>();
  readonly #memberListeners = new Set<() => void>();
  alive: { session: string }[] = [];

  readonly owners = {
    of: (partition: PartitionId) => this.#owners.get(partition) ?? null,
    watch: (listener: (partition: PartitionId) => void) => {
      this.#ownerListeners.add(listener);
      return () => this.#ownerListeners.delete(listener);
    },
  };

  readonly members = {
    alive: () => this.alive,
    watch: (listener: () => void) => {
      this.#memberListeners.add(listener);
      return () => this.#memberListeners.delete(listener);
    },
  };

  own(partition: number, session: string): void {
    this.#owners.set(partition as PartitionId, { session, released: false });
    for (const listener of [...this.#ownerListeners]) listener(partition as PartitionId);
  }

  join(session: string): void {
    this.alive = [...this.alive, { session }];
    for (const listener of [...this.#memberListeners]) listener();
  }

  leave(session: string): void {
    this.alive = this.alive.filter((member) => member.session !== session);
    for (const listener of [...this.#memberListeners]) listener();
  }
}

export interface NodeOptions {
  /** What its host answers; nothing: it is silent. */
  answer?(request: NumberedHostRequest): readonly HostReply[];
  keep?(partition: PartitionId, events: Uint8Array): Promise<Keeping>;
  /** What it answers when it is asked as such. */
  say?(question: PeerQuestion): Promise<PeerAnswer>;
}

export class PeerNode {
  readonly requests: HostRequest[] = [];
  readonly watching: { host: number; round: number; positions: readonly (readonly [PartitionId, Sequence])[] }[] = [];
  readonly changes: StatusChange[] = [];
  readonly anew: PartitionId[] = [];
  /** Partitions of others of which it heard that other settings are kept there. */
  readonly settingsChanged: PartitionId[] = [];
  readonly notUnderstood: (readonly [session: string, error: unknown])[] = [];
  /** How limits of origins hear of what happens; for tests of those. */
  origins: Pick<ClusterOrigins, 'ownerChanged' | 'changedElsewhere' | 'sessionOver'> | null = null;
  session: string | null;
  readonly host: HostLink;
  readonly link: NatsLink;
  readonly peers: Peers;
  readonly closed = new Set<PartitionId>();

  constructor(t: Test, world: World, { url, session, options }: { url: string; session: string; options: NodeOptions }) {
    this.session = session;
    this.link = new NatsLink({ address: readNatsAddress(url)!, name: session });
    this.host = new HostLink((bytes) => {
      for (const request of decodeMessages<HostRequest>(bytes)) {
        this.requests.push(request);
        if (request.op === 'watch' || request.op === 'drain') continue;
        const replies = options.answer?.(request) ?? [];
        setImmediate(() => this.host.answered(replies));
      }
    });
    const { members } = world;
    this.peers = new Peers({
      counts: new ClusterCounts(),
      link: this.link,
      session: () => this.session,
      partitions,
      owners: world.owners,
      members: {
        get alive() {
          return members.alive();
        },
        watch: members.watch,
      },
      hosts: [this.host],
      ownOwner: (partition) => (this.closed.has(partition) ? null : this.host),
      keep: options.keep ?? (() => Promise.resolve('not-stored')),
      watching: (answer) => this.watching.push(answer),
      changes: (changes) => this.changes.push(...changes),
      startedAnew: (partition) => {
        this.anew.push(partition);
        this.origins?.ownerChanged(partition);
      },
      settingsChanged: (partition) => {
        this.settingsChanged.push(partition);
        this.origins?.changedElsewhere(partition);
      },
      notUnderstood: (session, error) => this.notUnderstood.push([session, error]),
      answer: (question) => options.say?.(question) ?? Promise.resolve(null),
      sessionOver: () => this.origins?.sessionOver(),
    });
    t.teardown(async () => {
      this.peers.close();
      await this.link.close();
    });
  }

  async connected(): Promise<void> {
    const connection = await until('the node is connected', () => this.link.connection);
    // What is published before the server knows who listens is lost, which begins a conversation anew.
    await connection.flush();
  }

  /** Settles for each event with what has become of it. */
  schedule(partition: number, bodies: readonly Uint8Array[]): Promise<ScheduledEvents> {
    return new Promise((resolve) => {
      const events = new ScheduledEvents({ count: bodies.length, partitions, asked: { wantsViews: true, settled: resolve } });
      for (const [place, body] of bodies.entries()) {
        const createdAtMs = Date.now() as never;
        mintEventIdIn(events.ids, place * eventIdBytes, { slot: partition as never, now: createdAtMs });
        this.peers.linkOf(partition as PartitionId).schedule({
          partition: partition as PartitionId,
          asker: events,
          place,
          ids: events.ids,
          idAt: place * eventIdBytes,
          room: { bytes: Buffer.from(body) },
          bodyAt: 0,
          bodyEnd: body.length,
          createdAtMs,
        });
      }
    });
  }
}

export async function joined(
  t: Test,
  world: World,
  { url, sessions }: { url: string; sessions: Readonly<Record<string, NodeOptions>> },
): Promise<Record<string, PeerNode>> {
  const nodes: Record<string, PeerNode> = {};
  for (const [session, options] of Object.entries(sessions)) nodes[session] = new PeerNode(t, world, { url, session, options });
  for (const node of Object.values(nodes)) await node.connected();
  for (const session of Object.keys(nodes)) world.join(session);
  return nodes;
}

/** Takes every new event. */
export function accepting(request: NumberedHostRequest): readonly HostReply[] {
  return request.op === 'schedule-sheaf' ? [{ op: 'accepted', request: request.request, count: request.count }] : [];
}

export function refusing(request: NumberedHostRequest, code: EngineError['code']): readonly HostReply[] {
  const count = request.op === 'schedule-sheaf' ? request.count : 1;
  return Array.from({ length: count }, (_, at) => ({
    op: 'refused',
    request: request.request + at,
    code,
    detail: code,
    event: null,
    status: null,
  }));
}
