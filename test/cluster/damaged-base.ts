/** What a damaged disk of the server's makes of a base. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers as newHeaders, type NatsConnection } from '@nats-io/transport-node';
import { baseStream } from '../../engine/cluster/journal/log-streams.js';

/** The newest part of the base of this subject becomes another message, with one bit flipped. */
export async function damageBase(connection: NatsConnection, subject: string): Promise<void> {
  const manager = await jetstreamManager(connection);
  const message = await manager.streams.getMessage(baseStream, { last_by_subj: subject });
  const body = Uint8Array.from(message!.data);
  body[body.length - 1]! ^= 1;
  // What is for the server would make it take this one for the one before, sent twice.
  const headers = newHeaders();
  for (const [name, [value]] of message!.header!) if (!name.startsWith('Nats-')) headers.set(name, value!);
  await manager.streams.deleteMessage(baseStream, message!.seq);
  const { duplicate } = await jetstream(connection).publish(subject, body, { headers });
  if (duplicate) throw new Error(`${subject} was to be damaged, and was deleted`);
}
