import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { mailboxBytesMax, mailboxItemsMax } from '../../engine/kernel/limits.js';
import { decodeMessages } from '../../engine/kernel/message-codec.js';
import { HostLink, type Unnumbered } from '../../engine/router/host-link.js';
import { newId } from '../actor/host-fixture.js';

const partition = 1 as PartitionId;
const event = newId();
const get: Unnumbered = { op: 'get', partition, event };
const scheduleOf = (bytes: number): Unnumbered => ({ op: 'schedule', partition, event, body: new Uint8Array(bytes) });

type Numbered = Extract<HostRequest, { request: number }>;

function setup() {
  const batches: Numbered[][] = [];
  const link = new HostLink((bytes) => batches.push(decodeMessages<Numbered>(bytes)));
  return { link, batches };
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
  const other = link.ask(scheduleOf(3));
  await nextTurn();
  const [first, second] = batches[0]!;
  link.answered([
    { op: 'accepted', request: second!.request },
    { op: 'history', request: first!.request, entries: [] },
  ]);
  t.match(await one, { op: 'history' });
  t.match(await other, { op: 'accepted' });
});

t.test('an answer that nobody waits for is dropped', async (t) => {
  const { link } = setup();
  t.doesNotThrow(() => link.answered([{ op: 'accepted', request: 12_345 }]));
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
  const open = Array.from({ length: mailboxBytesMax / body }, () => settled(link.ask(scheduleOf(body))));
  t.equal(await settled(link.ask(scheduleOf(1))), 'overloaded');
  await nextTurn();
  link.answered([{ op: 'accepted', request: batches[0]![0]!.request }]);
  const next = settled(link.ask(scheduleOf(1)));
  await nextTurn();
  link.answered(batches.flat().map(({ request }) => ({ op: 'accepted', request })));
  t.equal(await next, 'answered');
  await Promise.all(open);
});

t.test('when its host dies, a read may be repeated, and of a write nobody knows the outcome', async (t) => {
  const { link } = setup();
  const read = link.ask(get);
  const history = link.ask({ ...get, op: 'history' });
  const write = link.ask(scheduleOf(1));
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
  const asked = settled(link.ask(scheduleOf(1)));
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
