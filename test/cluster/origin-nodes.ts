/**
 * Nodes of a cluster as far as limits of origins go: real NATS between them, real couriers, and partitions whose records all of them share, as if each
 * had its copy of the journal.
 */
import type { Test } from 'tap';
import type { HostReply } from '../../engine/actor/replies.js';
import type { NumberedHostRequest } from '../../engine/actor/requests.js';
import { ClusterOrigins } from '../../engine/cluster/origins/cluster-origins.js';
import type { Member } from '../../engine/cluster/membership/members.js';
import { CrewCouriers } from '../../engine/crew-couriers.js';
import { DestinationDesk } from '../../engine/destination-desk.js';
import { Courier } from '../../engine/dispatch/courier.js';
import { SystemTiming } from '../../engine/dispatch/timing.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { decideSettings } from '../../engine/partition/decide-settings.js';
import { PartitionState } from '../../engine/partition/state.js';
import { HeldDeliverer } from '../dispatch/fixtures.js';
import { pause } from '../support/deadline.js';
import { partitions, PeerNode, World } from './peer-fixture.js';

export class OriginWorld {
  readonly world = new World();
  readonly states = Array.from({ length: partitions }, (_, partition) => new PartitionState(partition as PartitionId));
  readonly nodes = new Map<string, OriginNode>();
  /** As the leader knows it. */
  sessions: string[] = [];
  /** What anybody's host was asked. */
  readonly asked: string[] = [];
  readonly #t: Test;
  readonly #url: string;

  constructor(t: Test, url: string) {
    this.#t = t;
    this.#url = url;
  }

  /** Its session begins; others see it at once unless they do not. */
  async join(name: string, { isGateway = false, isSeen = true, inForceMs = 10_000 } = {}): Promise<OriginNode> {
    const node = new OriginNode(this.#t, this, { url: this.#url, name, isGateway, inForceMs });
    this.nodes.set(name, node);
    await node.peer.connected();
    this.sessions.push(name);
    if (isSeen) this.world.join(name);
    return node;
  }

  /** Its session is over. */
  leave(session: string): void {
    this.sessions = this.sessions.filter((other) => other !== session);
    this.world.leave(session);
  }

  /** The same process goes on under another session, which the others see `afterMs` later. */
  async joinAgain(node: OriginNode, session: string, afterMs: number): Promise<void> {
    this.nodes.set(session, node);
    node.peer.session = session;
    this.sessions.push(session);
    await pause(afterMs);
    this.world.join(session);
  }

  /** It serves the partition from now on, and its host has told its couriers. */
  own(partition: number, name: string): void {
    const state = this.states[partition]!;
    this.nodes.get(name)!.courier?.settingsTold({
      partition: partition as PartitionId,
      position: state.lastSeq,
      rows: state.settings.rows(),
    });
    this.world.own(partition, name);
  }

  /** Who owns what, and what each courier knows of an origin, for whoever has to find out what went wrong. */
  async described(origin: string): Promise<string> {
    const owners = this.states.map((_, partition) => this.world.owners.of(partition as PartitionId)?.session);
    const nodes = [...this.nodes.values()].map(async ({ peer, courier, granted }) => {
      const known = await courier?.ask({ about: 'one', origin, row: null, closeBreaker: false });
      return { session: peer.session, granted, known };
    });
    return JSON.stringify({
      owners,
      kept: this.states.map(({ settings }) => settings.of(origin)),
      nodes: await Promise.all(nodes),
    });
  }

  /** What the host of `name` answers. */
  answer(name: string, asked: NumberedHostRequest): readonly HostReply[] {
    const { request, partition } = asked;
    // As its journal would say: what reaches an owner when it is one no more, or its session is over, is decided by the next.
    if (this.world.owners.of(partition)?.session !== this.nodes.get(name)!.peer.session)
      return [
        { op: 'refused', request, code: 'not-owner', detail: 'it has another owner', event: null, status: null, errors: [] },
      ];
    const state = this.states[partition]!;
    this.asked.push(`${name}: ${asked.op} ${partition}`);
    if (asked.op === 'settings-of')
      return [{ op: 'settings-kept', request, position: state.lastSeq, rows: state.settings.rows() }];
    if (asked.op !== 'configure' && asked.op !== 'keep-copy') return [];
    const { record, row } = decideSettings(state, asked, Date.now() as WallMs);
    if (record !== null) {
      state.apply(record);
      setImmediate(() => this.nodes.get(name)!.origins.changedHere(partition));
    }
    return [{ op: 'settings', request, row }];
  }
}

export class OriginNode {
  readonly peer: PeerNode;
  /** Null: a gateway. */
  readonly courier: Courier | null;
  readonly deliverer = new HeldDeliverer();
  readonly desk: DestinationDesk;
  readonly origins: ClusterOrigins;
  readonly shares: number[] = [];
  granted = 0;
  /** Of its host, with each slot that comes. */
  gotSlot: (origin: string, count: number) => void = () => undefined;
  /** It hears what it is asked as such, and says nothing. */
  isMute = false;

  constructor(
    t: Test,
    all: OriginWorld,
    { url, name, isGateway, inForceMs }: { url: string; name: string; isGateway: boolean; inForceMs: number },
  ) {
    const { world } = all;
    const member = (session: string): Member => ({
      session,
      node: `node-${session}`,
      address: '',
      weight: all.nodes.get(session)?.courier === null ? 0 : 1,
      version: '0',
      startedAt: 0,
    });
    this.courier = isGateway ? null : this.#makeCourier(t);
    this.peer = new PeerNode(t, world, {
      url,
      session: name,
      options: {
        answer: (request) => all.answer(name, request),
        say: (question) => (this.isMute ? new Promise(() => undefined) : this.origins.answer(question)),
      },
    });
    const { courier, peer } = this;
    this.origins = new ClusterOrigins({
      partitions,
      inForceMs,
      peers: peer.peers,
      node: {
        get session() {
          return peer.session;
        },
        members: {
          get alive() {
            return world.alive.map(({ session }) => member(session));
          },
          of: (session) => (all.sessions.includes(session) ? member(session) : null),
          isRenewed: (session) => all.sessions.includes(session),
          watch: world.members.watch,
        },
        owners: world.owners,
        isGone: (session) => !all.sessions.includes(session),
        sessionsNow: () => Promise.resolve(all.sessions),
      },
      own:
        courier === null
          ? null
          : {
              couriers: new CrewCouriers({ size: 1, ask: (_, question) => courier.ask(question) }),
              crew: {
                settingsTold: (told) => courier.settingsTold(told),
                settingsLost: (partition) => courier.settingsLost(partition),
                forgetSettings: () => courier.forgetSettings(),
                shareAmong: (sharers) => {
                  this.shares.push(sharers);
                  courier.shareAmong(sharers);
                },
              },
            },
    });
    peer.origins = this.origins;
    this.desk = new DestinationDesk({
      partitions,
      couriers: this.origins.couriers,
      ask: (partition, request) => peer.peers.linkOf(partition).ask(request),
    });
    t.teardown(() => this.origins.close());
  }

  giveBack(origin: string, count: number): void {
    this.courier!.receive(0, [{ op: 'release', origin, lane: 'regular', count }]);
  }

  want(origin: string, count: number): void {
    this.courier!.receive(0, [{ op: 'want', origin, lane: 'regular', count }]);
  }

  #makeCourier(t: Test): Courier {
    const courier = new Courier({
      options: {
        originConcurrency: 12,
        attemptsInFlightMax: 1_000,
        breaker: true,
        originsMax: 100,
        partitions,
        recoveryRate: 1_000,
      },
      deliverer: this.deliverer,
      timing: new SystemTiming(),
      send: (_host, replies) => {
        for (const reply of replies) {
          if (reply.op !== 'grant') continue;
          this.granted += reply.count;
          this.gotSlot(reply.origin, reply.count);
        }
      },
    });
    t.teardown(() => courier.close());
    return courier;
  }
}
