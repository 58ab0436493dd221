/**
 * New events that no owner has answered for: kept in the partition's command subject, until the next owner has taken them in.
 *
 *     asker --sheaf, PubAck--> escapement.p.<p>.c --read in order--> owner decides, durable --> purged
 *
 * An owner reads them before it takes any request, so that a repeat by its producer meets the first one; and looks again and again, since a node may keep
 * what an owner that lives is too slow for. Events bear their ids, so one that had been decided already stays one;
 * and one that repeats another, whose answer was lost, leaves its id behind as an alias, since somebody may have been told 202 and that id.
 *
 * One of the files that know the client's packages. Main thread.
 */
import { randomBytes } from 'node:crypto';
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError, type InvariantError } from '../../kernel/errors.js';
import type { EventId } from '../../kernel/event-id.js';
import { keepMsMax } from '../../kernel/limits.js';
import { eventsIn, idInSheaf, isSheaf } from '../../log/event-sheaf.js';
import type { NatsLink } from '../../nats/nats-link.js';
import type { Publisher } from '../../nats/publisher.js';
import type { Logger } from '../../observe/logger.js';
import { type NewEventsAsker, OpenSheaf } from '../../router/open-sheaf.js';
import { commandSubject, logStreamOf } from '../journal/log-streams.js';
import type { Keeping, OwnerHost } from './sheaf-errand.js';

const formatHeader = 'Escapement-Format';
/** Of the bytes of a sheaf as they lie in the stream. */
const sheafFormat = '1';
const apiMsMax = 5_000;
const notFound = 10_037;

/** Never rejects. */
export async function keepEvents(publisher: Publisher, partition: PartitionId, events: Uint8Array): Promise<Keeping> {
  const result = await publisher.publish(
    {
      subject: commandSubject(partition),
      payload: events,
      headers: [[formatHeader, sheafFormat]],
      messageId: randomBytes(12).toString('base64url'),
    },
    keepMsMax,
  );
  if (result.kind === 'stored') return 'stored';
  return result.mayBeStored ? 'unknown' : 'not-stored';
}

/** What has become of what was kept: there was nothing; all is decided; there is no room for it here; the rest has to be tried again. */
export type TakenIn = 'nothing' | 'all' | 'no room' | 'not now';

export interface KeptEventsParts {
  readonly link: NatsLink;
  /** How many streams logs are in. */
  readonly streams: number;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

export class KeptEvents {
  readonly #parts: KeptEventsParts;
  /** Of the connection that it was made for. */
  #manager: { readonly connection: unknown; readonly manager: JetStreamManager } | null = null;
  /** Partitions with messages that cannot be read, which stay, and with them what was decided behind them: how far that goes. */
  readonly #passed = new Map<PartitionId, Passed>();

  constructor(parts: KeptEventsParts) {
    this.#parts = parts;
  }

  /** Has everything that is kept decided by the owner, which is here. Never rejects. */
  async takeIn(partition: PartitionId, owner: OwnerHost): Promise<TakenIn> {
    const stream = logStreamOf(partition, this.#parts.streams);
    const subject = commandSubject(partition);
    try {
      const manager = await this.#managerNow();
      if (manager === null) return 'not now';
      const { reconnects } = this.#parts.link.state;
      const passed = this.#passedBefore(partition, reconnects);
      let isPassing = passed > 0;
      for (let after = passed; ; ) {
        const message = await nextOf(manager, { stream, subject, after });
        if (message === null) return after === passed ? 'nothing' : 'all';
        const { seq, data, format } = message;
        if (format !== sheafFormat || !isSheaf(data)) {
          this.#parts.logger.error({ partition, seq, format }, 'events that were kept cannot be read by this version, and stay');
          isPassing = true;
        } else {
          const taken = await this.#decided(partition, { events: data, owner });
          if (taken !== 'all') return taken;
          if (!isPassing) await manager.streams.purge(stream, { filter: subject, seq: seq + 1 });
        }
        if (isPassing) this.#passed.set(partition, { upTo: seq, reconnects });
        after = seq;
      }
    } catch (error) {
      this.#parts.logger.warn({ partition, err: error }, 'kept events cannot be read, which is tried again');
      return 'not now';
    }
  }

  /** Partitions for which something is kept, at least those of `served`; null when the server does not say. Never rejects. */
  async look(served: Iterable<PartitionId>): Promise<readonly PartitionId[] | null> {
    const found: PartitionId[] = [];
    try {
      const manager = await this.#managerNow();
      if (manager === null) return null;
      const streams = new Set<string>();
      for (const partition of served) streams.add(logStreamOf(partition, this.#parts.streams));
      for (const name of streams) {
        const { state } = await manager.streams.info(name, { subjects_filter: 'escapement.p.*.c' });
        for (const subject of Object.keys(state.subjects ?? {})) found.push(Number(subject.split('.')[2]) as PartitionId);
      }
      return found;
    } catch {
      // Whatever it was, the next look is not far away.
      return null;
    }
  }

  async #managerNow(): Promise<JetStreamManager | null> {
    const { connection } = this.#parts.link;
    if (connection === null) return null;
    if (this.#manager?.connection !== connection) {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: apiMsMax });
      this.#manager = { connection, manager };
    }
    return this.#manager.manager;
  }

  /** 0: nothing was passed by, or the stream may be another one since. */
  #passedBefore(partition: PartitionId, reconnects: number): number {
    const passed = this.#passed.get(partition);
    return passed?.reconnects === reconnects ? passed.upTo : 0;
  }

  #decided(partition: PartitionId, { events, owner }: { events: Uint8Array; owner: OwnerHost }): Promise<TakenIn> {
    return new Promise((resolve) => {
      const sheaf = new OpenSheaf(partition);
      const asker = new KeptSheaf(events, {
        refused: (event, error) =>
          this.#parts.logger.error({ partition, event, err: error }, 'an event that was kept is refused'),
        over: resolve,
      });
      const count = eventsIn(events);
      for (let place = 0; place < count; place++) sheaf.add(asker, place, Math.ceil(events.length / count));
      asker.open = count;
      owner.forward({ events, again: true, told: true, sheaf });
    });
  }
}

interface Passed {
  readonly upTo: number;
  /** Of the link. Behind a new connection sequences may mean something else. */
  readonly reconnects: number;
}

interface Kept {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly format: string;
}

async function nextOf(
  manager: JetStreamManager,
  { stream, subject, after }: { readonly stream: string; readonly subject: string; readonly after: number },
): Promise<Kept | null> {
  try {
    // The client's type leaves out what servers have long known: the next message of a subject.
    const query = { seq: after + 1, next_by_subj: subject } as { seq: number };
    const message = await manager.streams.getMessage(stream, query);
    if (message === null) return null;
    return { seq: message.seq, data: message.data, format: message.header.get(formatHeader) };
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === notFound) return null;
    throw error;
  }
}

interface KeptSheafTold {
  refused(event: EventId, error: Error): void;
  over(taken: TakenIn): void;
}

class KeptSheaf implements NewEventsAsker {
  readonly wantsViews = false;
  open = 0;
  readonly #events: Uint8Array;
  readonly #told: KeptSheafTold;
  #taken: TakenIn = 'all';

  constructor(events: Uint8Array, told: KeptSheafTold) {
    this.#events = events;
    this.#told = told;
  }

  accepted(): void {
    this.#settled();
  }

  replayed(): void {
    this.#settled();
  }

  refused(place: number, error: EngineError | InvariantError): void {
    if (error instanceof EngineError && error.code === 'disk-full') {
      if (this.#taken === 'all') this.#taken = 'no room';
    } else if (error instanceof EngineError && (error.retryable || error.code === 'outcome-unknown')) this.#taken = 'not now';
    else this.#told.refused(this.eventAt(place), error);
    this.#settled();
  }

  kept(): void {
    this.#taken = 'not now';
    this.#settled();
  }

  eventAt(place: number): EventId {
    return idInSheaf(this.#events, place);
  }

  #settled(): void {
    if (--this.open === 0) this.#told.over(this.#taken);
  }
}
