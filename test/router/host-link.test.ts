import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { HostRequest, NumberedSheaf } from '../../engine/actor/requests.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { EngineError, InvariantError } from '../../engine/kernel/errors.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { mailboxBytesMax, mailboxItemsMax, sheafEventsMax } from '../../engine/kernel/limits.js';
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import { HostLink, type Unnumbered } from '../../engine/router/host-link.js';
import { type NewEventsAsker, OpenSheaf } from '../../engine/router/open-sheaf.js';
import { newId } from '../actor/host-fixture.js';
import { eventsIn } from '../actor/sheaves.js';

const partition = 1 as PartitionId;
const event = newId();
const get: Unnumbered = { op: 'get', partition, event };
const putOf = (bytes: number): Unnumbered => ({ op: 'put', partition, event, body: new Uint8Array(bytes) });

type Numbered = Extract<HostRequest, { request: number }>;

function setup() {
  const batches: Numbered[][] = [];
  const link = new HostLink((bytes) => batches.push(decodeMessages<Numbered>(bytes)));
  return { link, batches };
}

/** A new event of so many bytes, as a promise. */
function scheduled(link: HostLink, bytes: number): Promise<'accepted'> {
  return new Promise((resolve, reject) => {
    const asker: NewEventsAsker = {
      accepted: () => resolve('accepted'),
      replayed: () => reject(new Error('replayed')),
      refused: (_, error) => reject(error),
      kept: () => reject(new Error('kept')),
      wantsViews: true,
      eventAt: () => event,
    };
    const room = { bytes: Buffer.alloc(bytes) };
    const createdAtMs = 0 as WallMs;
    link.schedule({ partition, asker, place: 0, ids: event, idAt: 0, room, bodyAt: 0, bodyEnd: bytes, createdAtMs });
  });
}

/** What a call comes to, without leaving a rejection unheard. */
function settled(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'answered',
    (error: unknown) => (error instanceof EngineError ? error.code : String(error)),
  );
}

t.test('what is asked in one pass of the event loop travels as one batch, numbered apart', async (t) => {
  const { link, batches } = setup();
  const asked = Array.from({ length: 50 }, () => settled(link.ask(get)));
  t.equal(batches.length, 0);
  await nextTurn();
  t.equal(batches.length, 1);
  const numbers = batches[0]!.map(({ request }) => request);
  t.equal(new Set(numbers).size, 50);
  const more = settled(link.ask(get));
  await nextTurn();
  t.equal(batches.length, 2);
  t.notOk(numbers.includes(batches[1]![0]!.request));
  link.lost('over');
  await Promise.all([...asked, more]);
});

t.test('each answer reaches the one who asked, in whatever order it comes', async (t) => {
  const { link, batches } = setup();
  const one = link.ask(get);
  const other = link.ask(putOf(3));
  await nextTurn();
  const [first, second] = batches[0]!;
  link.answered([
    { op: 'accepted', request: second!.request, count: 1 },
    { op: 'history', request: first!.request, entries: [] },
  ]);
  t.match(await one, { op: 'history' });
  t.match(await other, { op: 'accepted' });
});

t.test('an answer that nobody waits for is dropped', async (t) => {
  const { link } = setup();
  t.doesNotThrow(() => link.answered([{ op: 'accepted', request: 12_345, count: 1 }]));
});

t.test('a refusal becomes an error with its code and what it is about', async (t) => {
  const { link, batches } = setup();
  const asked = link.ask(get);
  await nextTurn();
  const { request } = batches[0]![0]!;
  link.answered([{ op: 'refused', request, code: 'in-flight', detail: 'attempt 1 is running', event, status: 'DISPATCHED' }]);
  await t.rejects(asked, {
    code: 'in-flight',
    message: 'attempt 1 is running',
    members: { event_id: formatEventId(event), event_status: 'DISPATCHED' },
  });
});

t.test(
  'beyond the limit of requests it answers at once that it is overloaded, and takes more when some were answered',
  async (t) => {
    const { link, batches } = setup();
    const open: Promise<string>[] = [];
    for (let count = 0; count < mailboxItemsMax; count++) open.push(settled(link.ask(get)));
    t.equal(await settled(link.ask(get)), 'overloaded');
    await nextTurn();
    link.answered([{ op: 'history', request: batches[0]![0]!.request, entries: [] }]);
    const again = settled(link.ask(get));
    t.equal(await settled(link.ask(get)), 'overloaded');
    await nextTurn();
    link.answered(batches.flat().map(({ request }) => ({ op: 'history', request, entries: [] })));
    t.equal(await again, 'answered');
    await Promise.all(open);
  },
);

t.test('beyond the limit of bytes likewise, and bytes are given back with each answer', async (t) => {
  const { link, batches } = setup();
  const body = 4 * 1024 * 1024;
  const open = Array.from({ length: mailboxBytesMax / body }, () => settled(scheduled(link, body)));
  t.equal(await settled(scheduled(link, 1)), 'overloaded');
  await nextTurn();
  link.answered([{ op: 'accepted', request: batches[0]![0]!.request, count: 1 }]);
  const next = settled(scheduled(link, 1));
  await nextTurn();
  link.answered(batches.flat().map(({ request }) => ({ op: 'accepted', request, count: 1 })));
  t.equal(await next, 'answered');
  await Promise.all(open);
});

t.test('when its host dies, a read may be repeated, and of a write nobody knows the outcome', async (t) => {
  const { link } = setup();
  const read = link.ask(get);
  const history = link.ask({ ...get, op: 'history' });
  const write = scheduled(link, 1);
  const cancel = link.ask({ ...get, op: 'cancel' });
  await nextTurn();
  link.lost('its actor host died');
  await t.rejects(read, { code: 'partition-unavailable' });
  await t.rejects(history, { code: 'partition-unavailable' });
  await t.rejects(write, { code: 'outcome-unknown', members: { event_id: formatEventId(event) } });
  await t.rejects(cancel, { code: 'outcome-unknown', members: { event_id: formatEventId(event) } });
});

t.test('what is asked while the host is down goes to the next one', async (t) => {
  const { link, batches } = setup();
  link.lost('its actor host died');
  const asked = link.ask(get);
  await nextTurn();
  t.same(batches, []);
  link.restored();
  await nextTurn();
  t.equal(batches.flat().length, 1);
  link.answered([{ op: 'history', request: batches[0]![0]!.request, entries: [] }]);
  t.match(await asked, { op: 'history' });
});

t.test('what had not left when the host died is settled, and not sent to the next one', async (t) => {
  const { link, batches } = setup();
  const asked = settled(scheduled(link, 1));
  link.lost('its actor host died');
  t.equal(await asked, 'outcome-unknown');
  link.restored();
  await nextTurn();
  t.same(batches, []);
});

t.test('once closed it refuses what comes and still answers what is open', async (t) => {
  const { link, batches } = setup();
  const open = link.ask(get);
  link.close(new EngineError('stopping', 'the engine is shutting down'));
  t.equal(await settled(link.ask(get)), 'stopping');
  await nextTurn();
  link.answered([{ op: 'history', request: batches[0]![0]!.request, entries: [] }]);
  t.match(await open, { op: 'history' });
});

t.test('new events of one partition travel as sheaves, and hear of their answers in whatever pieces these come', async (t) => {
  const { link, batches } = setup();
  const events = Array.from({ length: sheafEventsMax + 2 }, () => scheduled(link, 5));
  const read = link.ask(get);
  await nextTurn();
  const sheaves = batches.flat().filter((request) => request.op === 'schedule-sheaf');
  t.same(
    sheaves.map(({ count }) => count),
    [sheafEventsMax, 2],
  );
  const [sheaf, rest] = sheaves as [NumberedSheaf & Numbered, NumberedSheaf & Numbered];
  t.equal(eventsIn(sheaf).length, sheafEventsMax);
  link.answered([
    { op: 'accepted', request: sheaf.request + 3, count: sheafEventsMax - 3 },
    { op: 'refused', request: sheaf.request + 1, code: 'disk-full', detail: 'full', event: null, status: null },
    { op: 'accepted', request: rest.request, count: 2 },
    { op: 'history', request: batches.flat().find(({ op }) => op === 'get')!.request, entries: [] },
    { op: 'accepted', request: sheaf.request, count: 1 },
    { op: 'history', request: sheaf.request + 2, entries: [] },
  ]);
  const outcomes = await Promise.allSettled(events);
  t.match(outcomes[1], { status: 'rejected', reason: { code: 'disk-full' } });
  t.match(outcomes[2], { status: 'rejected', reason: InvariantError }, 'an answer that no new event can get is a bug');
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, sheafEventsMax);
  t.match(await read, { op: 'history' });
  t.doesNotThrow(() => link.answered([{ op: 'accepted', request: sheaf.request, count: sheafEventsMax }]));
});

t.test('of a sheaf that was answered in part when its host died, the rest is settled', async (t) => {
  const { link, batches } = setup();
  const events = Array.from({ length: 3 }, () => settled(scheduled(link, 5)));
  await nextTurn();
  link.answered([{ op: 'accepted', request: batches[0]![0]!.request + 1, count: 1 }]);
  link.lost('its actor host died');
  t.same(await Promise.all(events), ['outcome-unknown', 'answered', 'outcome-unknown']);
});

t.test('a batch that is bounded ends with the sheaf that takes it beyond, and the order stays', async (t) => {
  const batches: Numbered[][] = [];
  const lent = new Uint8Array(100_000);
  const link = new HostLink((bytes) => batches.push(structuredClone(decodeMessages<Numbered>(bytes))), {
    batchBytesMax: 5_000,
    encode: (requests) => {
      const bytes = encodeMessages(requests);
      lent.set(bytes);
      return lent.subarray(0, bytes.length);
    },
  });
  const sheafOfBytes = (bytes: number) => {
    const sheaf = new OpenSheaf(partition);
    const heard = new Promise<string>((resolve) =>
      sheaf.add(
        {
          accepted: () => resolve('accepted'),
          replayed: () => resolve('replayed'),
          refused: (_, error) => resolve(error.message),
          kept: () => resolve('kept'),
          wantsViews: false,
          eventAt: () => event,
        },
        0,
        bytes,
      ),
    );
    link.forward({ events: new Uint8Array(bytes).fill(bytes & 255), again: false, sheaf });
    return heard;
  };
  const read = settled(link.ask(get));
  const heard = [3_000, 3_001, 9_000, 10].map(sheafOfBytes);
  t.equal(batches.length, 0, 'all of them leave with the end of the pass');
  await nextTurn();
  t.same(
    batches.map((batch) => batch.map((request) => (request.op === 'schedule-sheaf' ? request.events.length : request.op))),
    [['get', 3_000, 3_001], [9_000], [10]],
  );
  for (const { request, ...asked } of batches.flat())
    if (asked.op === 'schedule-sheaf') link.answered([{ op: 'accepted', request, count: 1 }]);
  t.same(await Promise.all(heard), new Array(4).fill('accepted'));
  const waiting = sheafOfBytes(6_000);
  link.lost('gone');
  t.match(await waiting, /gone/);
  const later = sheafOfBytes(7_000);
  t.equal(batches.length, 3, 'nothing leaves while there is no host');
  link.restored();
  t.equal(batches.length, 4);
  link.lost('over');
  await Promise.all([read, later]);
});
