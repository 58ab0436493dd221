/** The fence of a journal, and what becomes of a publish whose acknowledgement is lost: with a real server and a bad network (F13, F17). */
import t from 'tap';
import { until } from '../../support/deadline.js';
import { needsNats, startNats, startNatsCluster } from '../../support/nats-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { endOf, History, journalAt, makeStreams, openEntry, recordsEntry, stream, subject } from '../journal-fixture.js';

t.test('what is published is read back as it was, one entry behind the other', needsNats, async (t) => {
  const nats = await startNats(t);
  await makeStreams(t, nats);
  const journal = journalAt(t, nats.url);
  t.equal(await journal.newest(), null);
  t.equal(await journal.from(0), null);
  const history = new History();
  const open = openEntry(1);
  const opened = await journal.publish(open, 0);
  if (opened.kind !== 'stored') return t.fail('the first entry was refused');
  const records = {
    ...recordsEntry(history, { epoch: 1, after: endOf(open), count: 3 }),
    segment: 1_700_000_000_000.25 as never,
  };
  const stored = await journal.publish(records, opened.place);
  if (stored.kind !== 'stored') return t.fail('the second entry was refused');
  const found = await journal.newest();
  t.match(found, {
    kind: 'records',
    epoch: 1,
    first: 1,
    last: 3,
    chain: records.chain,
    segment: 1_700_000_000_000.25,
    place: stored.place,
  });
  t.ok(Buffer.from(found!.body).equals(records.body));
  t.match(await journal.from(0), { kind: 'open', place: opened.place });
  t.match(await journal.from(opened.place + 1), { kind: 'records' });
  t.equal(await journal.from(stored.place + 1), null);
});

t.test('whoever does not know the newest entry is refused, and told which it is', needsNats, async (t) => {
  const nats = await startNats(t);
  const manager = await makeStreams(t, nats);
  const [before, after] = [journalAt(t, nats.url), journalAt(t, nats.url)];
  const first = await before.publish(openEntry(1), 0);
  if (first.kind !== 'stored') return t.fail();
  const second = await after.publish(openEntry(2), first.place);
  t.match(second, { kind: 'stored' });
  const stale = await before.publish(recordsEntry(new History(), { epoch: 1, after: endOf(openEntry(1)) }), first.place);
  t.match(stale, { kind: 'refused', newest: { kind: 'open', epoch: 2 } });
  t.equal((await manager.streams.info(stream)).state.messages, 2);
});

t.test('two who race behind one entry: one is in, the other is told', needsNats, async (t) => {
  const servers = await startNatsCluster(t);
  const manager = await makeStreams(t, servers[0]!);
  const [one, other] = [journalAt(t, servers[1]!.url), journalAt(t, servers[2]!.url)];
  let fence = 0;
  for (let round = 1; round <= 40; round++) {
    const results = await Promise.all([one.publish(openEntry(2 * round), fence), other.publish(openEntry(2 * round + 1), fence)]);
    const places = results.flatMap((result) => (result.kind === 'stored' ? [result.place] : []));
    t.equal(places.length, 1, `round ${round}`);
    fence = places[0]!;
  }
  t.equal((await manager.streams.info(stream)).state.messages, 40);
});

t.test('an entry whose acknowledgement is lost is in the journal once', needsNats, async (t) => {
  const nats = await startNats(t);
  const manager = await makeStreams(t, nats);
  const proxy = await TcpProxy.start(t, nats.port);
  const journal = journalAt(t, proxy.url);
  const history = new History();
  let entry = openEntry(1);
  let fence = 0;
  // It is connected.
  await journal.newest();
  const lose = ['down', 'up', 'both', 'late', 'down', 'none'] as const;
  for (const [round, kind] of lose.entries()) {
    const before = (await manager.streams.info(stream)).state.last_seq;
    if (kind === 'late') proxy.delay(700);
    else if (kind !== 'none') proxy.hold(...(kind === 'both' ? (['up', 'down'] as const) : [kind]));
    const publishing = journal.publish(entry, fence);
    if (kind === 'down') {
      await until('it is stored', async () => (await manager.streams.info(stream)).state.last_seq > before);
      proxy.cut();
      proxy.flow();
    } else if (kind === 'up' || kind === 'both') {
      await until('something is held', () => proxy.lines > 0);
      proxy.cut();
      proxy.flow();
    } else if (kind === 'late') {
      await until('it is stored', async () => (await manager.streams.info(stream)).state.last_seq > before);
      proxy.flow();
    }
    const result = await publishing;
    if (result.kind !== 'stored') return t.fail(`round ${round}: refused`);
    const { state } = await manager.streams.info(stream);
    t.equal(state.last_seq, before + 1, `round ${round}, ${kind}: one message`);
    t.equal(result.place, state.last_seq);
    fence = result.place;
    entry = recordsEntry(history, { epoch: 1, after: endOf(entry) });
  }
});

t.test('an entry without records and the one behind it are not taken for the same', needsNats, async (t) => {
  const nats = await startNats(t);
  await makeStreams(t, nats);
  const journal = journalAt(t, nats.url);
  const open = openEntry(1);
  const first = await journal.publish(open, 0);
  if (first.kind !== 'stored') return t.fail();
  const records = recordsEntry(new History(), { epoch: 1, after: endOf(open) });
  t.match(await journal.publish(records, first.place), { kind: 'stored', place: first.place + 1 });
  t.match(await journal.newest(), { kind: 'records' });
});

t.test('a message in the journal that is none of ours is not guessed at', needsNats, async (t) => {
  const nats = await startNats(t);
  const manager = await makeStreams(t, nats);
  const journal = journalAt(t, nats.url);
  await manager.jetstream().publish(subject, 'hello');
  await t.rejects(journal.newest(), { message: /expected an entry of format 1, found none/ });
});
