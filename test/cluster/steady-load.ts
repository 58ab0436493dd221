/**
 * Producers that go on whatever happens to a cluster, as those do who heed `Retry-After`: each event has a name of its own and is asked for until it is accepted. Some of
 * what was accepted is read again. Between two harms they send a few a second, which shows that all goes on, and while harm is done many: that is when
 * something can be lost, and each event costs a cluster that has just begun some 20 ms of the cores.
 *
 *     const load = new SteadyLoad({ client: cluster.client, receiver, source: 'load' });
 *     await load.beside(() => cluster.kill('a'));
 *     await load.stop();
 *     const came = await load.allCame();  // everything that was acknowledged is delivered, and the cluster says so
 */
import { pause, until } from '../support/deadline.js';
import type { Client, EventAnswer, HttpAnswer, Problem } from '../support/http.js';
import type { Arrival, Receiver } from '../support/receiver.js';

export interface SteadyLoadOptions {
  readonly client: Client;
  readonly receiver: Receiver;
  /** Of its events, and the path that they go to. */
  readonly source: string;
}

/** What came of it. */
export interface Course {
  readonly dueAtMs: number;
  /** One, whatever happened. */
  readonly ids: ReadonlySet<string>;
  readonly arrivedAtMs: readonly number[];
}

const lanes = 6;
const perSecond = { usually: 3, besideHarm: 20 };
/** How soon a lane notices that harm is done. */
const noticeMs = 100;
const delayMsMax = 2_000;
const againMs = 250;
const readShare = 0.25;
const allMsMax = 40_000;

export class SteadyLoad {
  /** By their names, when each is due. */
  readonly accepted = new Map<string, number>();
  /** Accepted with 202: no owner answered. */
  kept = 0;
  /** Refused with a time after which it may be tried again, as was done. */
  putOff = 0;
  /** The outcome was not known, so it was asked for again under the same name. */
  unknown = 0;
  /** What no client should ever have seen. */
  readonly failed: string[] = [];
  readonly #options: SteadyLoadOptions;
  readonly #ids: string[] = [];
  readonly #lanes: Promise<void>[];
  #next = 0;
  #goesOn = true;
  #harms = 0;

  constructor(options: SteadyLoadOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  /** Many events, until what `harm` does is done. */
  async beside<Result>(harm: () => Promise<Result>): Promise<Result> {
    this.#harms++;
    try {
      return await harm();
    } finally {
      this.#harms--;
    }
  }

  /** Resolves when every event that was begun has been accepted. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#lanes);
  }

  /** One more on top, due then. Resolves when it is accepted. */
  async schedule(dueAtMs: number): Promise<void> {
    const { client, receiver, source } = this.#options;
    const name = `${source}-${this.#next++}`;
    const event = {
      source,
      external_job_id: name,
      destination: `${receiver.url}/${source}`,
      scheduled_at: new Date(dueAtMs).toISOString(),
      payload: { name },
    };
    for (;;) {
      const answer = await this.#ask(() => client.schedule(event));
      if (answer !== null) {
        this.accepted.set(name, dueAtMs);
        // Of one that is kept another copy may have come before it, under another id.
        if (answer.status === 202) this.kept++;
        else this.#ids.push(answer.body.id);
        return;
      }
      await pause(againMs);
    }
  }

  /** When everything that was accepted has come and the cluster knows it: what came, by name. */
  async allCame(withinMs = allMsMax): Promise<ReadonlyMap<string, Course>> {
    const missing = (): string[] => {
      const came = new Set(this.#arrivals().map(nameOf));
      return [...this.accepted.keys()].filter((name) => !came.has(name));
    };
    await until('everything comes', () => missing().length === 0, withinMs).catch((error: unknown) => {
      throw new Error(`${missing().length} never came, among them ${missing()[0]}`, { cause: error });
    });
    await this.#said('DELIVERED', withinMs);
    const came = new Map(
      [...this.accepted].map(([name, dueAtMs]) => [name, { dueAtMs, arrivedAtMs: [] as number[], ids: new Set<string>() }]),
    );
    for (const arrival of this.#arrivals()) {
      const course = came.get(nameOf(arrival))!;
      course.arrivedAtMs.push(arrival.atMs);
      course.ids.add(arrival.id);
    }
    return came;
  }

  /** Resolves when owners have decided about everything that was accepted. */
  async allDecided(withinMs = allMsMax): Promise<void> {
    await this.#said('total', withinMs);
  }

  /** The cluster counts everything that was accepted, and all of it as this. */
  async #said(what: 'total' | 'DELIVERED', withinMs: number): Promise<void> {
    const { client, source } = this.#options;
    let said = '';
    const isSo = async () => {
      const { text, body } = await client.get<{ total: number; by_status: { DELIVERED: number } }>(
        `/api/v1/events/statistics?source=${source}`,
      );
      said = text;
      const counts = { total: body.total, DELIVERED: body.by_status.DELIVERED };
      return body.total === this.accepted.size && counts[what] === this.accepted.size;
    };
    await until('the cluster says so', isSo, withinMs).catch((error: unknown) => {
      throw new Error(`of ${this.accepted.size} (${what}) it says ${said}`, { cause: error });
    });
  }

  #arrivals(): readonly Arrival[] {
    return this.#options.receiver.at(`/${this.#options.source}`);
  }

  async #lane(): Promise<void> {
    while (this.#goesOn) {
      await this.schedule(Date.now() + Math.random() * delayMsMax);
      if (Math.random() < readShare) await this.#read();
      // Not all lanes at once.
      const share = 0.5 + Math.random();
      for (const since = performance.now(); this.#goesOn && performance.now() - since < share * this.#everyMs; )
        await pause(noticeMs);
    }
  }

  /** From one event of a lane to its next, on average. */
  get #everyMs(): number {
    return (lanes * 1_000) / (this.#harms > 0 ? perSecond.besideHarm : perSecond.usually);
  }

  async #read(): Promise<void> {
    const id = this.#ids[Math.floor(Math.random() * this.#ids.length)];
    if (id !== undefined) await this.#ask(() => this.#options.client.event(id));
  }

  /** Null: it may be tried again. */
  async #ask(ask: () => Promise<HttpAnswer<EventAnswer & Problem>>): Promise<HttpAnswer<EventAnswer> | null> {
    let answer: HttpAnswer<EventAnswer & Problem>;
    try {
      answer = await ask();
    } catch (error) {
      if (!isRefused(error)) this.failed.push(`no answer: ${String(error)}`);
      return null;
    }
    if (answer.status <= 202) return answer;
    if (answer.status === 503 && answer.headers['retry-after'] !== undefined) this.putOff++;
    else if (answer.body?.code === 'outcome-unknown') this.unknown++;
    else this.failed.push(`${answer.status} ${answer.text}`);
    return null;
  }
}

/** Nobody listens there any more, and nothing was sent: a balancer goes to the next node by itself. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

function nameOf({ body }: Arrival): string {
  return (JSON.parse(body.toString()) as { readonly name: string }).name;
}

/** What came under more ids than one. */
export function doubled(came: ReadonlyMap<string, Course>): readonly string[] {
  return [...came].filter(([, { ids }]) => ids.size !== 1).map(([name, { ids }]) => `${name}: ${[...ids].join(', ')}`);
}

/** How often something came that had come already. */
export function repeats(came: ReadonlyMap<string, Course>): number {
  return [...came.values()].reduce((sum, { arrivedAtMs }) => sum + arrivedAtMs.length - 1, 0);
}
