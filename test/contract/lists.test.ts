/** `GET /events` and events by external id, seen from outside, against an array that is filtered and sorted. */
import t from 'tap';
import { until } from '../support/deadline.js';
import type { EventAnswer, Problem } from '../support/http.js';
import { startServer } from '../support/server.js';
import { Random } from '../wheel/random.js';

interface ListAnswer extends Problem {
  readonly data: readonly EventAnswer[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
}

const server = await startServer(t);
const { client } = server;
await server.ready();

const list = (query: string) => client.get<ListAnswer>(`/api/v1/events${query === '' ? '' : `?${query}`}`);

async function walk(query: string): Promise<EventAnswer[]> {
  const events: EventAnswer[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < 2_000; page++) {
    const { status, body } = await list(`${query}${cursor === null ? '' : `&cursor=${cursor}`}`);
    if (status !== 200) throw new Error(`${status} ${body.detail}`);
    events.push(...body.data);
    if (!body.has_more) return events;
    cursor = body.next_cursor;
  }
  throw new Error('a list without an end');
}

const names = (events: readonly EventAnswer[]) => events.map(({ external_job_id: name }) => name);

const destinations = ['http://127.0.0.1:9/a,b', 'http://127.0.0.1:9/c'];
const random = new Random(3);
const base = Date.parse('2030-01-01T00:00:00Z');
const ids: string[] = [];
// In pieces, so that they are not all of one millisecond.
for (let from = 0; from < 300; from += 10) {
  const events = Array.from({ length: 10 }, (_, at) => ({
    external_job_id: `job-${from + at}`,
    source: random.pick(['a', 'b', 'c']),
    type: random.pick(['x', 'y']),
    priority: random.below(10),
    scheduled_at: new Date(base + random.below(100) * 1_000).toISOString(),
    destination: random.pick(destinations),
    tags: { color: random.pick(['red', 'green']), size: random.pick(['s', 'm', 'l']) },
  }));
  const { body } = await client.batch(events);
  ids.push(...body.results.map(({ id }) => id!));
  for (const [at, { id }] of body.results.entries()) if ((from + at) % 3 === 0) await client.cancel(id!);
}
const all: EventAnswer[] = [];
for (const id of ids) all.push((await client.event(id)).body);

const time = (text: unknown) => Date.parse(String(text));

/** What `GET /events` is to give, from the names of the contract alone. */
function expected(parameters: URLSearchParams): EventAnswer[] {
  const any = (name: string) => parameters.getAll(name).flatMap((text) => (name === 'destination' ? [text] : text.split(',')));
  const kept = all.filter((event) =>
    [...new Set(parameters.keys())].every((name) => {
      const values = any(name);
      if (name.startsWith('tag.')) return values.includes(String((event['tags'] as Record<string, string>)[name.slice(4)]));
      if (name === 'scheduled_from') return time(event.scheduled_at) >= time(values[0]);
      if (name === 'scheduled_to') return time(event.scheduled_at) <= time(values[0]);
      if (name === 'created_from') return time(event.created_at) >= time(values[0]);
      if (name === 'created_to') return time(event.created_at) <= time(values[0]);
      if (['sort', 'order', 'limit', 'page', 'size'].includes(name)) return true;
      return values.includes(String(event[name]));
    }),
  );
  const sort = parameters.get('sort') ?? 'created_at';
  const sign = parameters.get('order') === 'asc' ? 1 : -1;
  return kept.sort((one, other) => sign * (time(one[sort]) - time(other[sort]) || (one.id < other.id ? -1 : 1)));
}

t.test('any combination of filters, sort, order and limit gives what an array gives', async (t) => {
  for (let ask = 0; ask < 120; ask++) {
    const parameters = new URLSearchParams();
    const maybe = (name: string, ...values: string[]) => {
      if (random.below(4) === 0) for (const value of values) parameters.append(name, value);
    };
    const instant = () => new Date(base + random.below(100) * 1_000).toISOString();
    maybe('status', random.pick(['SCHEDULED', 'CANCELLED', 'SCHEDULED,DEAD']));
    maybe('source', random.pick(['a', 'a,b', 'nobody']));
    maybe('type', 'x', 'z');
    maybe('priority', '1,2', '3', '9');
    maybe('delivery_type', 'HTTP');
    maybe('tag.color', 'red');
    maybe('tag.size', 's', 'm');
    maybe('scheduled_from', instant());
    maybe('scheduled_to', instant());
    maybe('created_from', random.pick(all).created_at);
    maybe('created_to', random.pick(all).created_at);
    maybe('sort', random.pick(['scheduled_at', 'created_at']));
    maybe('order', random.pick(['asc', 'desc']));
    parameters.append('limit', String(1 + random.below(200)));
    // URLSearchParams escapes every comma. That of a destination must be, those between values may be.
    if (random.below(5) === 0) parameters.append('destination', random.pick(destinations));
    const escaped = parameters.toString();
    const found = names(await walk(ask % 2 === 0 ? escaped : escaped.replaceAll(/(?<=(source|status|priority)=[^&]*)%2C/g, ',')));
    t.strictSame(found, names(expected(parameters)), parameters.toString());
  }
});

t.test('a row is the event without headers and payload', async (t) => {
  const { body } = await list('limit=1');
  const { headers: _headers, payload: _payload, ...rest } = (await client.event(body.data[0]!.id)).body;
  t.strictSame(body.data[0], rest);
});

t.test('the default is 50 newest first', async (t) => {
  const { status, body } = await list('');
  t.equal(status, 200);
  t.strictSame(names(body.data), names(expected(new URLSearchParams())).slice(0, 50));
  t.equal(body.has_more, true);
  t.match(body.next_cursor, /^[\w-]+$/);
  const exact = await list('limit=300');
  t.strictSame([exact.body.data.length, exact.body.has_more, exact.body.next_cursor], [300, false, null]);
});

t.test('pages by number', async (t) => {
  const wanted = names(expected(new URLSearchParams('sort=scheduled_at&order=asc')));
  for (let page = 0; page < 5; page++) {
    const { body } = await list(`sort=scheduled_at&order=asc&page=${page}&size=70`);
    t.strictSame(names(body.data), wanted.slice(page * 70, page * 70 + 70));
    t.equal(body.has_more, page < 4);
  }
  t.strictSame((await list('page=100&size=10')).body.data, [], 'beyond the end');
  t.equal((await list('page=10&size=1000')).status, 422, 'beyond 10,000');
});

t.test('a cursor goes on behind its place although events come and go', async (t) => {
  const first = await list('source=a&sort=scheduled_at&order=asc&limit=10');
  const { body: newer } = await client.schedule({
    source: 'a',
    destination: destinations[1],
    scheduled_at: '2029-01-01T00:00:00Z',
  });
  const gone = await client.schedule({ source: 'a', destination: destinations[1], scheduled_at: '2031-01-01T00:00:00Z' });
  const second = await list(`source=a&sort=scheduled_at&order=asc&limit=10&cursor=${first.body.next_cursor}`);
  const wanted = names(expected(new URLSearchParams('source=a&sort=scheduled_at&order=asc')));
  t.strictSame(names([...first.body.data, ...second.body.data]), wanted.slice(0, 20));
  await client.cancel(newer.id);
  await client.cancel(gone.body.id);
  t.equal((await list(`source=b&sort=scheduled_at&order=asc&cursor=${first.body.next_cursor}`)).status, 422, 'another filter');
  t.equal((await list(`source=a&cursor=${first.body.next_cursor}`)).status, 422, 'another sort');
});

t.test('a cursor belongs to what the filter means, not to how it is spelt', async (t) => {
  const query = 'source=a&source=b&tag.color=red,green&tag.size=m&limit=5';
  const first = await list(query);
  const { data } = (await list(`${query}&cursor=${first.body.next_cursor}`)).body;
  t.equal(data.length, 5);
  for (const other of [
    'tag.size=m&tag.color=green&tag.color=red&source=b,a',
    'order=desc&source=b,a&tag.color=green,red&tag.size=m',
  ]) {
    const { status, body } = await list(`${other}&limit=5&cursor=${first.body.next_cursor}`);
    t.equal(status, 200, other);
    t.strictSame(names(body.data), names(data), other);
  }
  t.equal((await list(`${query.replace('green', 'blue')}&cursor=${first.body.next_cursor}`)).status, 422);
});

t.test('what is misspelt is refused', async (t) => {
  for (const query of [
    'sorce=a',
    'status=scheduled',
    'status=',
    'priority=10',
    'priority=urgent',
    'delivery_type=SMTP',
    'scheduled_from=yesterday',
    'created_to=2026-01-01T00:00:00',
    'scheduled_from=2026-01-01T00:00:00Z&scheduled_from=2026-01-01T00:00:00Z',
    'sort=priority',
    'order=up',
    'limit=0',
    'limit=1001',
    'limit=ten',
    'limit=1&limit=2',
    'page=-1',
    'size=0',
    'page=0&cursor=abc',
    'size=5&limit=5',
    'cursor=abc',
    'cursor=%%',
    'tag.=x',
    `tag.a=${Array(101).fill('x')}`,
  ]) {
    const { status, body } = await list(query);
    t.match({ status, code: body.code }, { status: 422, code: 'invalid' }, query);
  }
});

t.test('an event is found by its external id, the latest over all sources or in one', async (t) => {
  const id = 'order/12 é';
  const path = `/api/v1/events/external/${encodeURIComponent(id)}`;
  t.equal((await client.get(path)).status, 404);
  const made: EventAnswer[] = [];
  for (const source of ['one', 'two', 'three']) {
    const { body } = await client.schedule({
      external_job_id: id,
      source,
      destination: destinations[1],
      delay: '1d',
      payload: [source],
    });
    made.push(body);
    await until('the clock has moved on', () => Date.now() > time(body.created_at));
  }
  await client.cancel(made[2]!.id);
  const latest = await client.get<EventAnswer>(path);
  t.equal(latest.body.id, made[2]!.id);
  t.match(latest.body, { status: 'CANCELLED', payload: ['three'] }, 'with everything that GET by id shows');
  t.equal(latest.headers['etag'], '"2"');
  t.equal((await client.get<EventAnswer>(`${path}?source=one`)).body.id, made[0]!.id);
  t.equal((await client.get(`${path}?source=four`)).status, 404);
  const every = await client.get<ListAnswer>(`${path}/all`);
  t.strictSame(
    every.body.data.map(({ source }) => source),
    ['three', 'two', 'one'],
  );
  t.notOk('payload' in every.body.data[0]!);
  t.strictSame(
    (await client.get<ListAnswer>(`${path}/all?source=two`)).body.data.map(({ source }) => source),
    ['two'],
  );
  t.strictSame((await client.get<ListAnswer>('/api/v1/events/external/nothing/all')).body.data, []);
  t.equal((await client.get('/api/v1/events/external/%ff')).status, 404);
  t.equal((await client.get(`${path}?sorce=one`)).status, 422);
});

t.test('everything is as it was after a restart', async (t) => {
  const before = names(await walk('sort=scheduled_at&limit=100'));
  await server.stop();
  await server.restart();
  await server.ready();
  t.strictSame(names(await walk('sort=scheduled_at&limit=100')), before);
});
