/**
 * A world with names: events are called as the script calls them, and time is counted from where the story begins.
 *
 * Every message takes equally long and nothing fails by itself, so a story goes the same way each time. All promises are
 * guarded besides: one that does not look at duplicates still fails by a duplicate.
 */
import type { OriginChange } from '../../engine/event/origin-settings.js';
import type { EventSpec, RetryPolicy } from '../../engine/event/spec.js';
import type { SpecPatch } from '../../engine/event/spec-patch.js';
import type { EventView } from '../../engine/event/view.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Change } from '../../engine/partition/command.js';
import { Checkers } from '../simulation/checkers.js';
import type { Answer, Respond } from '../support/simulated-destinations.js';
import type { Asked, StartedAttempt } from '../support/simulated-happenings.js';
import { fairWeather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import { healthy, type ScheduleOptions, type Settings } from './scenario-script.js';
import { ScriptError } from './words.js';

/** The world has been up for so long when a story begins. */
const beforehandMs = 1_000;
/** How long a caller waits for an answer, and everybody for a restart. */
const patienceMs = 200;
const retry: RetryPolicy = { strategy: 'exponential', initialMs: 1_000, maxMs: 3_600_000, multiplier: 2, jitter: 'none' };

export class Story {
  readonly world: SimulatedWorld;
  /** In the order in which destinations saw them. */
  readonly starts: StartedAttempt[] = [];
  /** The last request. */
  asked: Asked | null = null;
  stopped: 'not stopped' | 'cleanly' | 'with attempts cut off' = 'not stopped';
  readonly #checkers: Checkers;
  readonly #beginsAtMs: number;
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** By event or origin. */
  readonly #answers = new Map<string, Answer>();
  #usualAnswer: Answer = healthy;

  constructor({ concurrency, recovery }: Settings) {
    this.world = new SimulatedWorld({
      weather: { ...fairWeather(), survivors: () => 0 },
      respond: this.#respond,
      courier: { originConcurrency: concurrency, recoveryRate: recovery },
    });
    this.#checkers = new Checkers(this.world, { originConcurrency: concurrency });
    this.#beginsAtMs = this.world.scheduler.wall + beforehandMs;
    this.world.onlooker((happening) => {
      if (happening.what === 'started') this.starts.push(happening.attempt);
    });
  }

  async begin(): Promise<void> {
    this.world.start();
    this.world.watch(true);
    await this.world.scheduler.advance(beforehandMs);
  }

  /** Throws BrokenPromise. */
  checkPromises(): void {
    if (this.world.isQuiet) this.#checkers.quiet();
  }

  // ---- what a script calls things ----

  /** Milliseconds since the story began, of an instant of the machine's clock. */
  since(wallMs: number): number {
    return wallMs - this.#beginsAtMs;
  }

  nameOf(event: string): string {
    return this.#names.get(event) ?? event;
  }

  idOf(name: string): string {
    const event = this.#ids.get(name);
    if (event === undefined) throw new ScriptError(`expected the name of an event, found ${name}`);
    return event;
  }

  // ---- what a script does ----

  /** A repeated request gives its name to the event that exists. */
  async schedule(name: string, options: ScheduleOptions): Promise<void> {
    const asked = this.world.producer.schedule(this.#fields(options));
    this.#called(name, asked.event);
    await this.#answered(asked);
    if (asked.reply?.op === 'replayed') this.#called(name, formatEventId(asked.reply.view.id));
  }

  async about(op: 'cancel' | 'get', name: string): Promise<void> {
    await this.#answered(this.world.producer.about(op, this.idOf(name)));
  }

  async change(name: string, change: Change): Promise<void> {
    await this.#answered(this.world.producer.change(change, this.idOf(name)));
  }

  async patch(name: string, { atMs, priority, retries, expiresMs, content }: ScheduleOptions): Promise<void> {
    const patch: SpecPatch = {
      ...(atMs !== null && { time: { scheduledAtMs: this.#at(atMs), delayMs: null } }),
      ...(priority !== null && { priority }),
      ...(retries !== null && { maxRetries: retries }),
      ...(expiresMs !== null && { expiresAtMs: this.#at(expiresMs) }),
      ...(content !== null && { payload: Buffer.from(JSON.stringify(content)) }),
    };
    await this.change(name, { op: 'patch', patch });
  }

  async retry(name: string, { atMs, expiresMs }: ScheduleOptions): Promise<void> {
    const scheduledAtMs = atMs === null ? (Math.floor(this.world.scheduler.wall) as WallMs) : this.#at(atMs);
    const expiry = expiresMs === null ? {} : { expiresAtMs: this.#at(expiresMs) };
    await this.change(name, { op: 'retry', times: { scheduledAtMs, delayMs: null, ...expiry } });
  }

  /** A name that is there already stays the name of the event that it is. */
  async put(name: string, options: ScheduleOptions): Promise<void> {
    if (options.external === null) throw new ScriptError('an event is put under an external id');
    const asked = this.world.producer.put({ ...this.#fields(options), externalJobId: options.external });
    await this.#answered(asked);
    if (asked.reply?.op === 'accepted') this.#called(name, asked.event);
  }

  /** The event as a caller sees it now, or a word for why not; the script's last request stays what it was. */
  async look(name: string): Promise<EventView | string> {
    const { asked: before } = this;
    await this.about('get', name);
    const reply = this.asked?.reply ?? null;
    this.asked = before;
    if (reply?.op === 'event') return reply.view;
    return reply?.op === 'refused' ? reply.code : 'no answer';
  }

  async advanceTo(atMs: number): Promise<void> {
    const byMs = atMs - this.since(this.world.scheduler.wall);
    if (byMs < 0) throw new ScriptError(`it is ${-byMs} ms past that`);
    await this.world.scheduler.advance(byMs);
  }

  deliver(answer: Answer, only: string | null): void {
    if (only === null) this.#usualAnswer = answer;
    else this.#answers.set(only, answer);
  }

  /** Throws when it is refused. */
  async set(origin: string, change: OriginChange): Promise<void> {
    const setting = this.world.operator.configure(`http://${origin}.test`, change);
    await this.#until(() => setting.outcome !== null);
    if (setting.outcome !== 'set') throw new ScriptError(`expected it to be set, it is ${setting.outcome ?? 'not answered'}`);
  }

  /** Every thread notices within a second. */
  async setForward(byMs: number): Promise<void> {
    this.world.stepWall(byMs);
    await this.world.scheduler.advance(1_000);
  }

  async restart(): Promise<void> {
    if (this.world.isUp) throw new ScriptError('nothing has stopped');
    this.stopped = 'not stopped';
    this.world.start();
    await this.#until(() => this.world.isQuiet);
  }

  drain(): void {
    this.world.drain((isClean) => {
      this.stopped = isClean ? 'cleanly' : 'with attempts cut off';
    });
  }

  #fields(options: ScheduleOptions): Partial<EventSpec> {
    const { atMs, priority, external, key, origin, retries, timeoutMs, expiresMs, content } = options;
    return {
      retry,
      ...(atMs !== null && { scheduledAtMs: this.#at(atMs) }),
      ...(priority !== null && { priority }),
      ...(origin !== null && { destination: `http://${origin}.test/hook` }),
      ...(retries !== null && { maxRetries: retries }),
      ...(timeoutMs !== null && { timeoutMs }),
      ...(content !== null && { payload: Buffer.from(JSON.stringify(content)) }),
      externalJobId: external,
      idempotencyKey: key,
      expiresAtMs: expiresMs === null ? null : this.#at(expiresMs),
    };
  }

  #at(ms: number): WallMs {
    return (this.#beginsAtMs + ms) as WallMs;
  }

  #called(name: string, event: string): void {
    this.#ids.set(name, event);
    if (!this.#names.has(event)) this.#names.set(event, name);
  }

  async #answered(asked: Asked): Promise<void> {
    this.asked = asked;
    await this.#until(() => this.world.producer.open === 0);
  }

  /** Or until patience ends: what did not happen is for the script to notice. */
  async #until(isTrue: () => boolean): Promise<void> {
    const { scheduler } = this.world;
    const until = scheduler.now + patienceMs;
    while (!isTrue() && (await scheduler.step(until)));
  }

  readonly #respond: Respond = ({ attempt }) =>
    this.#answers.get(this.nameOf(formatEventId(attempt.event))) ??
    this.#answers.get(new URL(attempt.origin).hostname.replace(/\.test$/, '')) ??
    this.#usualAnswer;
}
