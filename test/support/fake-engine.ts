/**
 * An engine for tests of the gateway: keeps events in a map, answers at once, delivers nothing. What a test wants to go
 * wrong it sets in `next` or overrides.
 */
import {
  type Change,
  type Destination,
  type DestinationChange,
  type DestinationPage,
  type BulkResult,
  type ClusterView,
  type Engine,
  EngineError,
  type EventName,
  type EventPage,
  type ExternalId,
  type ListRequest,
  matchesView,
  type MetricsHistorySlice,
  type EventSpec,
  type EventStatus,
  type EventView,
  formatEventId,
  type Health,
  type HistoryEntry,
  type NewEvent,
  type PutResult,
  parseEventId,
  type ScheduleResult,
  type Statistics,
  type SheetAsked,
  type SpecSheet,
  type StatusBatch,
  type StatusChange,
  type StatusFilter,
  type StatusListener,
  type Subscription,
  type WallMs,
} from '../../engine/index.js';
import { fingerprintOf, keyOf } from '../../engine/event/content.js';
import { originOf } from '../../engine/event/origin.js';
import { decodeSpec, type StoredSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, Sequence, Slot } from '../../engine/kernel/brand.js';
import { type EventId, eventIdBytes, mintEventId, mintEventIdIn } from '../../engine/kernel/event-id.js';
import { slots } from '../../engine/kernel/limits.js';
import { ScheduledEvents } from '../../engine/router/scheduled-events.js';

/** Of every event, and the slot of its id. */
const partition = 3 as PartitionId;

interface FakeSubscription {
  readonly filter: StatusFilter;
  readonly listener: StatusListener;
  /** As it was given. */
  readonly cursor: string | null;
  place: string;
  /** It has refused a batch and not been resumed. */
  isResting: boolean;
  resumed: number;
}

interface Kept {
  view: EventView;
  readonly fingerprint: string;
}

export class FakeEngine implements Engine {
  readonly nats = null;
  readonly events = new Map<string, Kept>();
  readonly #byKey = new Map<string, string>();
  readonly subscriptions = new Set<FakeSubscription>();
  /** Rejects the next call, whatever it is. */
  next: Error | null = null;
  /** What the last change was asked to be. */
  lastChange: { readonly name: EventName; readonly change: Change } | null = null;
  /** Calls answer when this resolves. */
  gate: Promise<void> = Promise.resolve();
  /** Calls that have come so far. */
  calls = 0;
  /** New events are kept for an owner to come. */
  isWithoutOwner = false;
  healthNow: Health = {
    status: 'ready',
    components: [{ name: 'partition 0', status: 'ready', detail: null }],
    recovery: { overdue: 0, done_at: null },
  };

  get lastSpec(): EventSpec {
    return [...this.events.values()].at(-1)!.view.spec;
  }

  async schedule(event: NewEvent): Promise<ScheduleResult> {
    await this.#enter();
    return this.#scheduleNow(event);
  }

  async scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]> {
    await this.#enter();
    return events.map((event) => {
      try {
        return this.#scheduleNow(event);
      } catch (error) {
        if (error instanceof EngineError) return error;
        throw error;
      }
    });
  }

  async get(name: EventName): Promise<EventView> {
    await this.#enter();
    return this.#kept(this.#idOf(name)).view;
  }

  /** In the order of their ids, newest first unless told otherwise; by number of page only. */
  async list({ filter, order, skip, limit }: ListRequest): Promise<EventPage> {
    await this.#enter();
    const views = [...this.events.values()].map(({ view }) => view).filter((view) => matchesView(filter, view));
    views.sort((one, other) => Buffer.compare(one.id, other.id) * (order === 'asc' ? 1 : -1));
    const events = views.slice(skip, skip + limit);
    const hasMore = views.length > skip + limit;
    const last = events.at(-1);
    return { events, hasMore, next: hasMore && last !== undefined ? { ms: last.spec.createdAtMs, id: last.id } : null };
  }

  async cancelMatching(): Promise<BulkResult> {
    await this.#enter();
    return { matched: 0, changed: 0, hasMore: false };
  }

  async retryMatching(): Promise<BulkResult> {
    return this.cancelMatching();
  }

  async withExternalId({ externalJobId, source }: ExternalId): Promise<readonly EventView[]> {
    await this.#enter();
    const views = [...this.events.values()].map(({ view }) => view);
    return views
      .filter(({ spec }) => spec.externalJobId === externalJobId && (source === null || spec.source === source))
      .sort((one, other) => Buffer.compare(other.id, one.id));
  }

  async history(name: EventName): Promise<readonly HistoryEntry[]> {
    await this.#enter();
    const { view } = this.#kept(this.#idOf(name));
    const none = { attempt: 0, statusCode: null, durationMs: null, error: null, nextAttemptAtMs: null };
    return [{ ...none, version: 1, at: view.spec.createdAtMs, status: 'SCHEDULED', responseBody: Buffer.from('né\u0000') }];
  }

  cancel(name: EventName): Promise<EventView> {
    return this.change(name, { op: 'cancel' });
  }

  /** What a change does to an event that nothing has happened to yet. */
  async change(name: EventName, change: Change): Promise<EventView> {
    await this.#enter();
    this.lastChange = { name, change };
    const kept = this.#kept(this.#idOf(name));
    const { view } = kept;
    if (view.status === 'DELIVERED') {
      throw new EngineError('already-finished', 'the event was delivered', {
        members: { event_id: formatEventId(view.id), event_status: 'DELIVERED' },
      });
    }
    if (change.op !== 'cancel') kept.view = { ...view, version: view.version + 1 };
    else if (view.status !== 'CANCELLED') kept.view = { ...view, ...finishedNow('CANCELLED'), version: view.version + 1 };
    return kept.view;
  }

  async put(event: NewEvent): Promise<PutResult> {
    await this.#enter();
    const { externalJobId, source } = event.spec;
    const id = this.#byKey.get(`external ${source} ${externalJobId}`);
    if (id === undefined) {
      const created = this.#scheduleNow(event);
      if (created.replayed) throw new Error('a new event is not replayed');
      return { created: true, id: created.id, partition: created.partition };
    }
    const kept = this.#kept(id);
    kept.view = { ...kept.view, spec: { ...kept.view.spec, ...event.spec }, version: kept.view.version + 1 };
    return { created: false, view: kept.view };
  }

  async subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    await this.#enter();
    const subscription: FakeSubscription = { filter, listener, cursor, place: cursor ?? 'c0', isResting: false, resumed: 0 };
    this.subscriptions.add(subscription);
    return {
      cursor: subscription.place,
      place: () => subscription.place,
      behind: () => (subscription.isResting ? 7 : 0),
      resume: () => {
        subscription.isResting = false;
        subscription.resumed++;
      },
      close: () => void this.subscriptions.delete(subscription),
    };
  }

  /** To every subscription that does not rest, whatever its filter. */
  publish(batch: StatusBatch): void {
    for (const subscription of this.subscriptions) {
      if (subscription.isResting) continue;
      if (subscription.listener(batch)) subscription.place = batch.cursor;
      else subscription.isResting = true;
    }
  }

  /** By origin. */
  readonly destinationsNow = new Map<string, Destination>();
  /** The last that was asked for. */
  lastDestinationChange: DestinationChange | null = null;

  async destinations({ after, limit }: { after: string; limit: number }): Promise<DestinationPage> {
    await this.#enter();
    const all = [...this.destinationsNow.values()].filter(({ origin }) => origin > after);
    return { data: all.slice(0, limit), hasMore: all.length > limit };
  }

  async destination(origin: string): Promise<Destination> {
    await this.#enter();
    return this.destinationsNow.get(origin) ?? destinationOf(origin);
  }

  async configureDestination(origin: string, change: DestinationChange): Promise<Destination> {
    await this.#enter();
    this.lastDestinationChange = change;
    const { paused = false, concurrency = null, ratePerSecond = null } = change;
    const destination = { ...destinationOf(origin), paused, concurrency: concurrency ?? 64, ratePerSecond };
    this.destinationsNow.set(origin, destination);
    return destination;
  }

  statistics(): Statistics {
    const rate = { '1m': 0, '5m': 0, '15m': 0 };
    const quantiles = { p50: null, p90: null, p95: null, p99: null, p99_9: null, max: null, count: 0 };
    const zero = { SCHEDULED: 0, DISPATCHED: 0, DELIVERED: 0, RETRYING: 0, DEAD: 0, CANCELLED: 0, EXPIRED: 0 };
    return {
      total: this.events.size,
      by_status: zero,
      by_delivery_type: { HTTP: this.events.size, NATS: 0, LOCAL: 0 },
      waiting: { concurrency: 0, breaker: 0, paused: 0, recovery: 0 },
      rates: { accepted: rate, fired: rate, delivered: rate, failed: rate },
      fire_lag_ms: quantiles,
      delivery_ms: quantiles,
      oldest_overdue_ms: null,
    };
  }

  async statisticsOf(): Promise<Statistics> {
    await this.#enter();
    return this.statistics();
  }

  metricsHistory(): MetricsHistorySlice {
    return { resolution_ms: 1_000, series: [] };
  }

  health(): Health {
    return this.healthNow;
  }

  async metrics(): Promise<string> {
    return '# HELP escapement_events_pending x\nescapement_events_pending 0\n';
  }

  /** What it says of its cluster. */
  clusterNow: ClusterView | null = null;
  /** What it was told of where the gateway listens. */
  readonly addresses: string[] = [];

  cluster(): ClusterView | null {
    return this.clusterNow;
  }

  listensAt(address: string): void {
    this.addresses.push(address);
  }

  async withdraw(): Promise<void> {
    // It is alone.
  }

  async stop(): Promise<void> {
    this.subscriptions.clear();
  }

  checkDestination(type: string, destination: string): string | null {
    if (type === 'NATS') return 'NATS is not configured';
    if (type === 'LOCAL') return destination === 'known' ? null : `no handler is called ${destination}`;
    return destination.includes('169.254.') ? '169.254.169.254 is link-local' : null;
  }

  /** Settled later, as by an engine. */
  scheduleSheet(sheet: SpecSheet, asked: SheetAsked): ScheduledEvents {
    const { next } = this;
    this.next = null;
    if (next !== null) throw next;
    const specs = Array.from({ length: sheet.count }, (_, place) =>
      decodeSpec(new Uint8Array(sheet.bytes.subarray(sheet.startOf(place), sheet.endOf(place)))),
    );
    const events = new ScheduledEvents({ count: sheet.count, partitions: slots, asked });
    for (const [place, { createdAtMs: now }] of specs.entries()) {
      mintEventIdIn(events.ids, place * eventIdBytes, { slot: partition as number as Slot, now });
    }
    void this.#enter().then(
      () => {
        for (const [place, spec] of specs.entries()) this.#settle(events, place, spec);
      },
      (error: EngineError) => {
        for (const place of specs.keys()) events.refused(place, error);
      },
    );
    return events;
  }

  #settle(events: ScheduledEvents, place: number, spec: StoredSpec): void {
    if (this.isWithoutOwner) {
      events.kept(place);
      return;
    }
    try {
      const fingerprint = Buffer.from(spec.fingerprint ?? []).toString('hex');
      const result = this.#keep(spec, { fingerprint, id: events.eventAt(place) });
      if (result.replayed) events.replayed(place, result.view);
      else events.accepted();
    } catch (error) {
      events.refused(place, error as EngineError);
    }
  }

  #scheduleNow({ spec, timeGiven }: NewEvent): ScheduleResult {
    const fingerprint = Buffer.from(fingerprintOf(spec, timeGiven)).toString('hex');
    return this.#keep(spec, { fingerprint, id: mintEventId(partition as number as Slot, spec.createdAtMs) });
  }

  #keep(spec: EventSpec, { fingerprint, id: idBytes }: { fingerprint: string; id: EventId }): ScheduleResult {
    const key = keyOf(spec);
    const known = key === null ? undefined : this.events.get(this.#byKey.get(`${key.kind} ${key.source} ${key.text}`) ?? '');
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return { replayed: true, view: known.view };
      if (key!.kind === 'idempotency') throw new EngineError('idempotency-key-reused', 'the key was used with other content');
      const members = { event_id: formatEventId(known.view.id), event_status: known.view.status };
      throw new EngineError('external-job-id-conflict', 'other content', { members });
    }
    const id = formatEventId(idBytes);
    if (key !== null) this.#byKey.set(`${key.kind} ${key.source} ${key.text}`, id);
    this.events.set(id, { view: freshView(idBytes, spec), fingerprint });
    return { replayed: false, id, partition, isKept: false };
  }

  #idOf(name: EventName): string {
    return typeof name === 'string' ? name : (this.#byKey.get(`external ${name.source} ${name.externalJobId}`) ?? '');
  }

  #kept(id: string): Kept {
    const bytes = parseEventId(id);
    const kept = bytes === null ? undefined : this.events.get(formatEventId(bytes));
    if (kept === undefined) throw new EngineError('not-found', 'there is no such event');
    return kept;
  }

  async #enter(): Promise<void> {
    this.calls++;
    await this.gate;
    const { next } = this;
    this.next = null;
    if (next !== null) throw next;
  }
}

export function destinationOf(origin: string): Destination {
  return {
    origin,
    inFlight: 0,
    waiting: 0,
    breaker: 'closed',
    opensUntilMs: null,
    paused: false,
    concurrency: 64,
    ratePerSecond: null,
    success1m: 0,
    failure1m: 0,
  };
}

function freshView(id: Uint8Array, spec: EventSpec): EventView {
  return {
    id,
    partition,
    spec: { ...spec, origin: originOf(spec.deliveryType, spec.destination), tag: null, fingerprint: null },
    status: 'SCHEDULED',
    version: 1,
    waitingFor: null,
    attempts: 0,
    nextAttemptAtMs: spec.scheduledAtMs,
    updatedAtMs: spec.createdAtMs,
    finishedAtMs: null,
    lastStatusCode: null,
    lastError: null,
    fireLagMs: null,
  };
}

function finishedNow(status: EventStatus): Pick<EventView, 'status' | 'finishedAtMs' | 'nextAttemptAtMs'> {
  return { status, finishedAtMs: Date.now() as WallMs, nextAttemptAtMs: null };
}

/** A change as the engine would send it. */
export function changeOf(id: Uint8Array, fields: Partial<StatusChange> = {}): StatusChange {
  return {
    partition,
    seq: 1 as Sequence,
    event: id,
    externalJobId: null,
    source: 'default',
    type: null,
    status: 'DELIVERED',
    version: 3,
    at: 1_795_000_000_000 as WallMs,
    attempt: 1,
    nextAttemptAtMs: null,
    statusCode: 204,
    error: null,
    fireLagMs: 0.7004,
    ...fields,
  };
}
