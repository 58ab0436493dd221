/**
 * One message for each event that ends DEAD, on `escapement.dead.<source>`, kept by the stream `ESCAPEMENT_DEAD`.
 *
 * Deaths are read from the stream of changes, from a place that is remembered on NATS: after a crash, a stop, or a time without NATS it goes on there, or
 * the next owner of the partition does, so that each death is told at least once; a repeat has the same message id, `<event id>:<version>`.
 *
 * Modes
 *   away       No connection, or its streams are not there yet -> following, from the place that is remembered; if none is, from the stream's
 *              beginning, or resting from where this process found it, once that is remembered.
 *   following  The stream of changes is followed and each death published. None for a while -> resting.
 *   resting    Nothing is followed, since that costs work for every change and deaths are rare. Once a second the number of deaths is looked at:
 *              another one than before -> following, from the place before. The same: the place moves on, to where the stream stood before
 *              every host has told its figures once more, as busy ones tell late. The connection is lost -> away.
 */
import {
  deadLettersMax,
  type Engine,
  EngineError,
  formatEventId,
  inStep,
  type NatsDoor,
  type StatusBatch,
  type StatusChange,
  type StatusFilter,
  type Subscription,
  type ToldStream,
} from '../../engine/index.js';
import { deadSubject, ensureDeadLetters, loadProgress, saveProgress } from '../../engine/nats-tools.js';
import { renderView } from '../handler/event-json.js';
import { changeItems } from '../stream/change-item.js';
import { placeNow } from './everything.js';

export interface DeadLettersParts {
  readonly engine: Pick<Engine, 'get'>;
  /** Whose deaths are told. */
  readonly stream: ToldStream;
  readonly nats: NatsDoor;
  readonly putOff: (error: unknown, what: string) => void;
  /** Some are told by nobody. */
  readonly lost: (error: Error) => void;
  /** Longer than figures take, a quarter of a second. For tests that cannot wait for a second. */
  readonly lookEveryMs?: number;
}

const lookEveryMs = 1_000;
/** Looks without a death until it rests. */
const quietLooksMax = 3;
/** Looks between two words about its place while nothing dies. */
const looksPerSave = 5;
const publishMsMax = 10_000;

const deaths: StatusFilter = { status: ['DEAD'], source: null, type: null, eventId: null, externalJobId: null };

export class DeadLetters {
  readonly #parts: DeadLettersParts;
  readonly #of: string;
  readonly #endTimer: () => void;
  readonly #unwatch: () => void;
  #mode: 'away' | 'following' | 'resting' = 'away';
  #subscription: Subscription | null = null;
  /** Everything up to here has been told. Null: not known. */
  #place: string | null = null;
  /** Where the stream stood when this process began: it may take NATS an hour to be there. Null: not known yet. */
  #since: string | null = null;
  /** Where the stream stood at a look: told of up to here, if the number of deaths is the same when every host has told more often. */
  #candidate: { readonly place: string; readonly tellings: readonly number[] } | null = null;
  #deathsSeen: number;
  /** As of the look before: deaths that it counts have come through the stream meanwhile. */
  #deathsBefore = -1;
  #quietLooks = 0;
  #looks = 0;
  #saved: string | null = null;
  /** Being published; the subscription has a place behind them. */
  #inFlight = 0;
  #isRefused = false;
  #isLooking = false;
  #isClosed = false;

  constructor(parts: DeadLettersParts) {
    this.#parts = parts;
    this.#of = `dead.${parts.stream.name}`;
    this.#unwatch = parts.nats.link.watch(({ isConnected }) => {
      if (!isConnected) this.#leave();
      else void this.#look();
    });
    this.#endTimer = inStep(parts.lookEveryMs ?? lookEveryMs, () => void this.#look());
    this.#deathsSeen = parts.nats.deaths().number;
    // Without an answer it is asked again when there is somebody to tell.
    if (parts.stream.beginning === null) this.#find().catch(() => undefined);
  }

  async #find(): Promise<string> {
    this.#since ??= await placeNow(this.#parts.stream);
    return this.#since;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endTimer();
    this.#unwatch();
    const isConnected = this.#mode !== 'away';
    this.#leave();
    if (isConnected) await this.#save();
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#isClosed || this.#parts.nats.link.connection === null) return;
    this.#isLooking = true;
    try {
      this.#looks++;
      if (this.#mode === 'away') await this.#begin();
      else if (this.#mode === 'following') await this.#lookWhileFollowing();
      else await this.#lookWhileResting();
    } catch (error) {
      if (!this.#isClosed && this.#parts.nats.link.connection !== null)
        this.#parts.putOff(error, 'dead letters cannot be told, which is tried again');
    } finally {
      this.#isLooking = false;
    }
  }

  async #begin(): Promise<void> {
    const { nats, stream } = this.#parts;
    const { link } = nats;
    const connection = link.connection!;
    await ensureDeadLetters(connection);
    if (this.#place === null) {
      this.#place = await loadProgress(connection, { of: this.#of });
      this.#saved = this.#place;
    }
    const isFirst = this.#place === null && stream.beginning === null;
    this.#place ??= stream.beginning ?? (await this.#find());
    // Whoever comes next would begin at its own now, and leave out what has died since.
    if (this.#saved === null && !(await this.#save())) throw new Error('where it begins cannot be remembered');
    if (link.connection !== connection) return;
    if (isFirst) this.#mode = 'resting';
    else await this.#follow();
  }

  async #follow(): Promise<void> {
    this.#deathsBefore = this.#parts.nats.deaths().number;
    this.#quietLooks = 0;
    const subscription = await this.#subscribe();
    if (this.#isClosed || this.#parts.nats.link.connection === null) {
      subscription.close();
      return;
    }
    this.#place ??= subscription.cursor;
    this.#subscription = subscription;
    this.#mode = 'following';
  }

  /** A place of a stream that is no more, of before a restore for example, is none. */
  async #subscribe(): Promise<Subscription> {
    const hear = (batch: StatusBatch): boolean => this.#hear(batch);
    try {
      return await this.#parts.stream.subscribe(deaths, hear, this.#place);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'invalid') throw error;
      this.#place = null;
      return this.#parts.stream.subscribe(deaths, hear, null);
    }
  }

  async #lookWhileFollowing(): Promise<void> {
    this.#takePlace();
    await this.#save();
    const before = this.#deathsBefore;
    this.#deathsBefore = this.#parts.nats.deaths().number;
    this.#quietLooks++;
    if (this.#mode !== 'following' || this.#quietLooks < quietLooksMax || this.#inFlight > 0 || this.#subscription!.behind() > 0)
      return;
    this.#subscription!.close();
    this.#subscription = null;
    this.#candidate = null;
    this.#deathsSeen = before;
    this.#mode = 'resting';
  }

  async #lookWhileResting(): Promise<void> {
    const { nats, stream } = this.#parts;
    const { number, tellings } = nats.deaths();
    if (number !== this.#deathsSeen) {
      await this.#follow();
      return;
    }
    const before = this.#candidate;
    if (before === null || tellings.every((count, host) => count > (before.tellings[host] ?? 0))) {
      if (before !== null) this.#place = before.place;
      const place = await placeNow(stream);
      this.#candidate = { place, tellings: nats.deaths().tellings };
    }
    if (this.#looks % looksPerSave === 0) await this.#save();
  }

  #leave(): void {
    this.#takePlace();
    this.#subscription?.close();
    this.#subscription = null;
    this.#candidate = null;
    this.#mode = 'away';
  }

  /** While something is in the air the place stays before it. */
  #takePlace(): void {
    if (this.#subscription !== null && this.#inFlight === 0 && !this.#isRefused) this.#place = this.#subscription.place();
  }

  /** False: it is not remembered. */
  async #save(): Promise<boolean> {
    const place = this.#place;
    if (place === null) return false;
    if (place === this.#saved) return true;
    const isSaved = await saveProgress(this.#parts.nats.publisher, { of: this.#of, text: place });
    if (isSaved) this.#saved = place;
    return isSaved;
  }

  #hear({ items, gapFrom, cursor }: StatusBatch): boolean {
    if (gapFrom !== null) this.#parts.lost(new Error(`from ${gapFrom} to ${cursor}`));
    if (this.#inFlight + items.length > deadLettersMax && this.#inFlight > 0) {
      this.#isRefused = true;
      return false;
    }
    if (items.length === 0) return true;
    this.#quietLooks = 0;
    this.#inFlight += items.length;
    for (const change of items) void this.#tell(change);
    return true;
  }

  async #tell(change: StatusChange): Promise<void> {
    const id = formatEventId(change.event);
    const message = {
      subject: `${deadSubject}.${tokensOf(change.source)}`,
      payload: await this.#bodyOf(change, id),
      headers: [
        ['content-type', 'application/json'],
        ['escapement-event-id', id],
      ] as const,
      messageId: `${id}:${change.version}`,
    };
    while (!this.#isClosed) {
      const result = await this.#parts.nats.publisher.publish(message, publishMsMax);
      if (result.kind === 'stored') break;
      this.#parts.putOff(new Error(result.error), 'a dead letter is published once more');
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
    if (this.#isClosed) return;
    this.#parts.nats.counts.deadLetters++;
    this.#inFlight--;
    if (this.#inFlight > 0 || !this.#isRefused) return;
    this.#isRefused = false;
    this.#subscription?.resume();
  }

  /** The event as it is now; of one that is gone or cannot be read, the change alone. */
  async #bodyOf(change: StatusChange, id: string): Promise<Uint8Array> {
    try {
      return renderView(await this.#parts.engine.get(id));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return Buffer.from(changeItems([change]).slice(1, -1));
    }
  }
}

/** A source may have dots that a subject cannot have: at its ends, or two in a row. */
function tokensOf(source: string): string {
  return source
    .split('.')
    .map((token) => (token === '' ? '_' : token))
    .join('.');
}
