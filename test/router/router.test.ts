import t from 'tap';
import { fingerprintOf, slotOfKey } from '../../engine/event/content.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { EngineError, InvariantError } from '../../engine/kernel/errors.js';
import { batchTurnEvents } from '../../engine/router/partition-turns.js';
import { type EventId, eventIdBytes, formatEventId, parseEventId, partitionOf, slotOf } from '../../engine/kernel/event-id.js';
import { type Accepted, type Asker, HostLink, type NewEventAsked, type Unnumbered } from '../../engine/router/host-link.js';
import { Router } from '../../engine/router/router.js';
import type { EventView } from '../../engine/event/view.js';
import { newId } from '../actor/host-fixture.js';
import type { NewEventBytes } from '../actor/sheaves.js';
import { specOf } from '../event/specs.js';

const partitions = 8;

type Question = Unnumbered | ({ readonly op: 'schedule'; readonly partition: PartitionId } & NewEventBytes);

/** Links that note what they are asked and answer at once. */
function setup(answer: (request: Question) => object | EngineError | InvariantError = () => ({ op: 'accepted' })) {
  const asked: { partition: PartitionId; request: Question }[] = [];
  class NotingLink extends HostLink {
    readonly #partition: PartitionId;
    constructor(partition: PartitionId) {
      super(() => undefined);
      this.#partition = partition;
    }
    override schedule({ asker, place, ids, idAt, room, bodyAt, bodyEnd }: NewEventAsked): void {
      const event = ids.slice(idAt, idAt + eventIdBytes);
      const body = new Uint8Array(room.bytes.subarray(bodyAt, bodyEnd));
      const request = { op: 'schedule', partition: this.#partition, event, body } as const;
      asked.push({ partition: this.#partition, request });
      const reply = answer(request);
      if (reply instanceof Error) asker.refused(place, reply);
      else if ('view' in reply) asker.replayed(place, reply.view as EventView);
      else asker.accepted(place);
    }
    override askFor(asker: Asker, request: Unnumbered): void {
      asked.push({ partition: this.#partition, request });
      const reply = answer(request);
      if (reply instanceof EngineError) asker.refused(reply);
      else if (reply instanceof InvariantError) throw reply;
      else asker.answered({ request: 1, ...reply } as Accepted);
    }
  }
  const router = new Router({ partitions, linkOf: (partition) => new NotingLink(partition) });
  return { router, asked };
}

const eventOf = (request: Question) => (request as { event: EventId }).event;

t.test('events of a batch without keys go to all partitions, four sheaves to each', async (t) => {
  const { router, asked } = setup();
  await router.scheduleBatch(Array.from({ length: partitions * batchTurnEvents }, () => ({ spec: specOf(), timeGiven: true })));
  for (let partition = 0; partition < partitions; partition++)
    t.equal(asked.filter((one) => one.partition === partition).length, batchTurnEvents);
});

t.test('an event with a key goes where its key says, one without goes anywhere', async (t) => {
  const { router, asked } = setup();
  const spec = specOf({ source: 'orders', externalJobId: 'order-1' });
  const slot = slotOfKey({ kind: 'external', source: 'orders', text: 'order-1' });
  for (let count = 0; count < 3; count++) {
    const result = await router.schedule({ spec, timeGiven: true });
    t.match(result, { replayed: false, partition: partitionOf(slot, partitions) });
    t.equal(slotOf(parseEventId((result as { id: string }).id)!), slot);
  }
  for (let count = 0; count < 200; count++)
    await router.schedule({ spec: specOf({ createdAtMs: (spec.createdAtMs + count) as WallMs }), timeGiven: true });
  t.equal(new Set(asked.map(({ partition }) => partition)).size, partitions);
  t.ok(asked.every(({ partition, request }) => partition === request.partition));
  t.ok(asked.every(({ request }) => partitionOf(slotOf(eventOf(request)), partitions) === request.partition));
});

t.test('an idempotency key of the same text meets the same partition', async (t) => {
  const { router, asked } = setup();
  await router.schedule({ spec: specOf({ idempotencyKey: 'k' }), timeGiven: true });
  await router.schedule({ spec: specOf({ idempotencyKey: 'k' }), timeGiven: true });
  t.equal(asked[0]!.partition, asked[1]!.partition);
  t.not(formatEventId(eventOf(asked[0]!.request)), formatEventId(eventOf(asked[1]!.request)));
});

t.test('the body carries all that was asked for, with a fingerprint where there is a key', async (t) => {
  const { router, asked } = setup();
  const keyed = specOf({ externalJobId: 'x', payload: Buffer.from('{"a":1}') });
  await router.schedule({ spec: keyed, timeGiven: false });
  await router.schedule({ spec: specOf(), timeGiven: true });
  const specs = asked.map(({ request }) => decodeSpec((request as { body: Uint8Array }).body));
  t.equal(specs[0]!.externalJobId, 'x');
  t.equal(Buffer.from(specs[0]!.payload!).toString(), '{"a":1}');
  t.same(Buffer.from(specs[0]!.fingerprint!), Buffer.from(fingerprintOf(keyed, false)));
  t.equal(specs[1]!.fingerprint, null);
});

t.test('a replayed event is shown as it is', async (t) => {
  const view = { status: 'DELIVERED' };
  const { router } = setup(() => ({ op: 'replayed', view }));
  t.match(await router.schedule({ spec: specOf(), timeGiven: true }), { replayed: true, view });
});

t.test('one bad event of a batch does not fail the others, and results keep their places', async (t) => {
  const { router } = setup((request) => {
    const { source } = decodeSpec((request as { body: Uint8Array }).body);
    return source === 'bad' ? new EngineError('overloaded', 'too much') : { op: 'accepted' };
  });
  const sources = ['a', 'bad', 'c', 'bad'];
  const results = await router.scheduleBatch(sources.map((source) => ({ spec: specOf({ source }), timeGiven: true })));
  t.same(
    results.map((result) => (result instanceof EngineError ? result.code : 'accepted')),
    ['accepted', 'overloaded', 'accepted', 'overloaded'],
  );
});

t.test('a bug is not taken for a refusal of one event', async (t) => {
  const { router } = setup(() => new InvariantError('a new event was answered with history'));
  await t.rejects(router.scheduleBatch([{ spec: specOf(), timeGiven: true }]), InvariantError);
});

t.test('a look-up finds its partition in the id alone', async (t) => {
  const { router, asked } = setup((request) =>
    request.op === 'history' ? { op: 'history', entries: [] } : { op: 'event', view: { status: 'SCHEDULED' } },
  );
  for (const slot of [0, 7, 8, 4_095]) {
    const event = newId(slot);
    t.match(await router.get(formatEventId(event)), { status: 'SCHEDULED' });
    t.match(await router.change(formatEventId(event).toUpperCase(), { op: 'cancel' }), { status: 'SCHEDULED' });
    t.same(await router.history(formatEventId(event)), []);
    t.equal(asked.at(-1)!.partition, slot % partitions);
    t.same(asked.at(-2)!.request, { op: 'cancel', partition: slot % partitions, event });
  }
});

t.test('what cannot be an id of ours is not found, without asking anybody', async (t) => {
  const { router, asked } = setup();
  const good = formatEventId(newId());
  for (const id of ['', 'garbage', `${good}x`, good.replace('-7', '-4'), '../../etc/passwd', 'x'.repeat(100_000)]) {
    for (const call of [router.get(id), router.change(id, { op: 'cancel' }), router.history(id)]) {
      const error = await call.catch((thrown: unknown) => thrown);
      t.match(error, { code: 'not-found' });
      t.ok((error as EngineError).message.length < 200, 'whatever was asked is not repeated at length');
    }
  }
  t.same(asked, []);
});
