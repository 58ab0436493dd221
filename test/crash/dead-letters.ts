/**
 * What has come on `escapement.dead.*`, compared with the events that died: each death is told at least once, and nothing else is.
 *
 * A death is a version of an event: one that an operator has put back may die again. It is told under `<event id>:<version>`.
 */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { deadSubject } from '../../engine/nats-tools.js';
import { until } from '../support/deadline.js';
import type { LastWord } from './verdict.js';

const stream = 'ESCAPEMENT_DEAD';
/** Behind the last death its owner, or the next one, may have to find its place first. */
const toldWithinMs = 30_000;

/** Message ids, as many as there are when all `deaths` have been told, or when that has taken too long. */
export async function hearDeadLetters(connection: NatsConnection, deaths: ReadonlySet<string>): Promise<readonly string[]> {
  const manager = await jetstreamManager(connection);
  const { name } = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    filter_subject: `${deadSubject}.>`,
  });
  const consumer = await jetstream(connection).consumers.get(stream, name);
  const letters: string[] = [];
  const left = new Set(deaths);
  await until(
    'every death has been told',
    async () => {
      for await (const { headers } of await consumer.fetch({ max_messages: 1_000, expires: 1_000 })) {
        const id = headers?.get('Nats-Msg-Id') ?? '';
        letters.push(id);
        left.delete(id);
      }
      return left.size === 0;
    },
    toldWithinMs,
    // What is missing is the judge's to tell.
  ).catch(() => undefined);
  await manager.consumers.delete(stream, name);
  return letters;
}

/** As their owners tell it, by the ids under which they must have been told. */
export function deathsIn(lastWords: ReadonlyMap<string, LastWord>): Set<string> {
  const deaths = new Set<string>();
  for (const { status, event, history } of lastWords.values()) {
    if (status !== 200) continue;
    for (const { version, status: reached } of history) if (reached === 'DEAD') deaths.add(`${event.id}:${version}`);
  }
  return deaths;
}

/** What must not be, in words. */
export function compareDeaths(deaths: ReadonlySet<string>, letters: readonly string[]): string[] {
  const told = new Set(letters);
  const untold = [...deaths].filter((death) => !told.has(death)).map((death) => `nobody was told of the death ${death}`);
  const unknown = [...told]
    .filter((letter) => !deaths.has(letter))
    .map((letter) => `the death ${letter} was told, and never was`);
  return [...untold, ...unknown];
}
