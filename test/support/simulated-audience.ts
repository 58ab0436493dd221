/**
 * The main thread's part of the status stream in the simulated world: the real hub, and clients who listen, are cut off, come back
 * with the cursor that they had, and now and then take nothing for a while. The hub dies with the process; clients outlive it.
 */
import type { HostNotice } from '../../engine/actor/notices.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { ChangeSlice, StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { decodeMessages } from '../../engine/kernel/message-codec.js';
import type { StatusFilter } from '../../engine/status/filter.js';
import { StatusHub, type Subscription } from '../../engine/status/status-hub.js';
import type { StatusBatch } from '../../engine/status/subscriber.js';
import type { Onlooker } from './simulated-happenings.js';
import type { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';

export interface SimulatedAudienceParts {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly partitions: number;
  readonly hosts: number;
  readonly replayWindow: number;
  /** Over the wire; false while the host is down. */
  readonly send: (host: number, request: HostRequest) => boolean;
  readonly onlooker: Onlooker;
  /** For the tests of the checkers: what a client hears of. */
  readonly forgetsChanges: boolean;
}

/** Somebody who follows the stream over all interruptions. */
export interface SimulatedClient {
  readonly filter: StatusFilter;
  /** Where it began; null until it has. */
  first: string | null;
  /** The last that it was told. */
  cursor: string | null;
  readonly batches: StatusBatch[];
  subscription: Subscription | null;
  isAway: boolean;
  /** It takes nothing. */
  isFull: boolean;
}

interface Open {
  readonly partition: PartitionId;
  readonly done: (answer: ChangeSlice | EngineError) => void;
}

/** Producers and operators count from elsewhere. */
const firstRequest = 2_000_000_000;
export const everything: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };

export class SimulatedAudience {
  readonly clients: SimulatedClient[] = [];
  readonly #parts: SimulatedAudienceParts;
  readonly #open = new Map<number, Open>();
  /** By host: the round of the newest order, if it was to watch. */
  readonly #watching = new Map<number, number>();
  #hub: StatusHub | null = null;
  #lastRequest = firstRequest;
  #watcher: SimulatedClient | null = null;

  constructor(parts: SimulatedAudienceParts) {
    this.#parts = parts;
  }

  /** A new process: everybody who is not away comes back to it. */
  start(): void {
    this.#hub = this.#newHub();
    for (const client of this.clients) if (!client.isAway) this.#subscribe(client);
  }

  /** The process is gone. */
  vanish(): void {
    this.#hub = null;
    this.#open.clear();
    this.#watching.clear();
    for (const client of this.clients) client.subscription = null;
  }

  /** Somebody listens to everything from now on, or no longer. */
  watch(on: boolean): void {
    if (on) {
      this.#watcher ??= this.join(everything);
    } else if (this.#watcher !== null) {
      this.leave(this.#watcher);
      this.#watcher = null;
    }
  }

  join(filter: StatusFilter): SimulatedClient {
    const client: SimulatedClient = {
      filter,
      first: null,
      cursor: null,
      batches: [],
      subscription: null,
      isAway: false,
      isFull: false,
    };
    this.clients.push(client);
    this.#subscribe(client);
    return client;
  }

  leave(client: SimulatedClient): void {
    client.isAway = true;
    client.subscription?.close();
    client.subscription = null;
  }

  comeBack(client: SimulatedClient): void {
    if (!client.isAway) return;
    client.isAway = false;
    this.#subscribe(client);
  }

  takeAgain(client: SimulatedClient): void {
    client.isFull = false;
    client.subscription?.resume();
  }

  tick(): void {
    this.#hub?.tick();
  }

  hostStarted(host: number): void {
    this.#hub?.hostStarted(host);
  }

  hostLost(partitions: readonly PartitionId[]): void {
    for (const [number, { partition, done }] of [...this.#open]) {
      if (!partitions.includes(partition)) continue;
      this.#open.delete(number);
      done(new EngineError('partition-unavailable', 'its host died'));
    }
  }

  publish(changes: readonly StatusChange[]): void {
    this.#hub?.publish(changes);
  }

  watched(host: number, notice: Extract<HostNotice, { op: 'watching' }>): void {
    this.#parts.scheduler.touchesPromises();
    if (this.#watching.get(host) === notice.round) this.#parts.onlooker({ what: 'watching', positions: notice.positions });
    this.#hub?.watching({ host, round: notice.round, positions: notice.positions });
  }

  replied(reply: HostReply): void {
    const open = this.#open.get(reply.request);
    if (open === undefined) return;
    this.#open.delete(reply.request);
    if (reply.op === 'refused') open.done(new EngineError(reply.code, reply.detail));
    if (reply.op !== 'changes') return;
    const changes = decodeMessages<StatusChange>(reply.changes);
    open.done({ after: reply.after, through: reply.through, changes: this.#parts.forgetsChanges ? changes.slice(1) : changes });
  }

  #subscribe(client: SimulatedClient): void {
    const hub = this.#hub;
    if (hub === null) return;
    this.#parts.scheduler.touchesPromises();
    const hear = (batch: StatusBatch): boolean => {
      if (client.isFull) return false;
      client.batches.push(batch);
      client.cursor = batch.cursor;
      return true;
    };
    void hub.subscribe(client.filter, hear, client.cursor).then((subscription) => {
      if (hub !== this.#hub || client.isAway || client.subscription !== null) {
        subscription.close();
        return;
      }
      client.subscription = subscription;
      client.first ??= subscription.cursor;
      client.cursor = subscription.cursor;
    });
  }

  #newHub(): StatusHub {
    const { scheduler, weather, partitions, hosts, replayWindow, send, onlooker } = this.#parts;
    const hub: StatusHub = new StatusHub({
      partitions,
      hosts,
      replayWindow,
      hostOf: (partition) => partition % hosts,
      watch: ({ host, on, round }) => {
        if (hub !== this.#hub || !send(host, { op: 'watch', on, round })) return;
        if (on) this.#watching.set(host, round);
        else this.#watching.delete(host);
        const own = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
        onlooker({ what: 'watched', partitions: own.filter((partition) => partition % hosts === host) });
      },
      read: (span, done) => {
        const request = ++this.#lastRequest;
        this.#open.set(request, { partition: span.partition, done });
        if (send(span.partition % hosts, { op: 'changes', request, ...span })) return;
        this.#open.delete(request);
        done(new EngineError('partition-unavailable', 'its host is down'));
      },
      soon: (task) =>
        scheduler.after(weather.turnMs(), '', () => {
          scheduler.touchesPromises();
          if (hub === this.#hub) task();
        }),
      listenerFailed: (error) => scheduler.fail(error as Error),
    });
    return hub;
  }
}
