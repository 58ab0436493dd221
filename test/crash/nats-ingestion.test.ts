/**
 * The promise of ingestion with real processes: what a stream has acknowledged is an event, once, whatever is killed when.
 *
 * Producers publish single events and arrays. Some name their messages and repeat a publish whose acknowledgement did not come, as producers do; others
 * name none and publish once, so that only the message's place in the stream tells a redelivery. Meanwhile Escapement, NATS, and both are
 * killed. In the end every event of an acknowledged publish must be there once, and of every other one at most once.
 *
 *   ESCAPEMENT_TEST_NATS_ROUNDS=30 node build/test/crash/nats-ingestion.test.js
 */
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { type Server, startServer } from '../support/server.js';

const rounds = Number(process.env['ESCAPEMENT_TEST_NATS_ROUNDS'] ?? 3);
const timeout = 60_000 + rounds * 10_000;

interface Published {
  readonly events: readonly number[];
  /** Its stream has acknowledged it. */
  isSafe: boolean;
}

class Producers {
  readonly published: Published[] = [];
  readonly #client: JetStreamClient;
  #events = 0;
  #isOver = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(client: JetStreamClient) {
    this.#client = client;
  }

  get safe(): number {
    return this.published.filter(({ isSafe }) => isSafe).length;
  }

  begin(): void {
    this.#running = Promise.all(Array.from({ length: 6 }, (_, number) => this.#produce(number)));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #produce(producer: number): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      const size = turn % 3 === 0 ? 1 : 7;
      const events = Array.from({ length: size }, () => this.#events++);
      const published: Published = { events, isSafe: false };
      this.published.push(published);
      const bodies = events.map((n) => ({ destination: 'https://example.org/hook', delay: '1h', tags: { n: `${n}` } }));
      const body = JSON.stringify(size === 1 ? bodies[0] : bodies);
      if (producer % 2 === 0) await this.#publishOnce(published, body);
      else await this.#publishUntilSafe(published, { body, msgID: `p${producer}-${turn}` });
      await pause(2);
    }
  }

  async #publishOnce(published: Published, body: string): Promise<void> {
    try {
      await this.#client.publish('escapement.ingest', body, { timeout: 500 });
      published.isSafe = true;
    } catch {
      // Nobody knows: it may be in the stream or not.
    }
  }

  async #publishUntilSafe(
    published: Published,
    { body, msgID }: { readonly body: string; readonly msgID: string },
  ): Promise<void> {
    while (!published.isSafe) {
      try {
        await this.#client.publish('escapement.ingest', body, { timeout: 500, msgID });
        published.isSafe = true;
      } catch {
        if (this.#isOver) return;
        await pause(50);
      }
    }
  }
}

interface ListPage {
  readonly data: readonly { readonly tags: { readonly n: string } }[];
  readonly next_cursor: string | null;
}

/** How often each number is there. */
async function countEvents(server: Server): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path: string = `/api/v1/events?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { body }: { readonly body: ListPage } = await server.client.get<ListPage>(path);
    for (const { tags } of body.data) counts.set(Number(tags.n), (counts.get(Number(tags.n)) ?? 0) + 1);
    cursor = body.next_cursor;
  }
  return counts;
}

t.test('what a stream has acknowledged is there once, whatever is killed', { timeout, ...needsNats }, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: nats.url, ESCAPEMENT_LOG_LEVEL: 'warn' } });
  await server.ready();
  const state = () => manager.streams.info('ESCAPEMENT_INGEST').then(({ state }) => state);
  await until('the stream is there', () => state().catch(() => null));
  const producers = new Producers(jetstream(connection));
  producers.begin();
  const flows = async (): Promise<void> => {
    const before = producers.safe;
    await until('publishes are acknowledged', () => producers.safe > before + 20);
  };
  const kinds: readonly (() => Promise<unknown>)[] = [
    async () => {
      await server.kill();
      await server.restart();
    },
    async () => {
      await nats.kill();
      await nats.restart();
    },
    async () => {
      await Promise.all([nats.kill(), server.kill()]);
      await Promise.all([nats.restart(), server.restart()]);
    },
  ];
  for (let round = 0; round < rounds; round++) {
    await flows();
    await pause(Math.random() * 500);
    await kinds[round % kinds.length]!();
  }
  await flows();
  await producers.end();
  await server.ready();
  await until('the stream is empty', async () => (await state().catch(() => null))?.messages === 0, 30_000);

  const counts = await countEvents(server);
  const lost: number[] = [];
  const doubled: number[] = [];
  for (const { events, isSafe } of producers.published) {
    for (const n of events) {
      const count = counts.get(n) ?? 0;
      if (count === 0 && isSafe) lost.push(n);
      if (count > 1) doubled.push(n);
    }
  }
  const metrics = (await server.client.get('/metrics')).text;
  t.comment(
    `${producers.safe} publishes acknowledged, ${counts.size} events`,
    /escapement_ingest_redelivered_total \d+/.exec(metrics)?.[0],
  );
  t.same(lost, [], 'nothing acknowledged is lost');
  t.same(doubled, [], 'nothing is there twice');
  t.ok(producers.safe > 100, 'the load was real');
});
