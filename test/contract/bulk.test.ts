/** `POST /events/cancel` and `/retry`, seen from outside. */
import t from 'tap';
import type { Problem } from '../support/http.js';
import { sharedServer } from '../support/shared-server.js';

interface BulkAnswer extends Problem {
  readonly matched: number;
  readonly changed: number;
  readonly has_more: boolean;
}

const server = await sharedServer(t);
const { client } = server;
const change = (what: 'cancel' | 'retry', body: unknown) => client.post<BulkAnswer>(`/api/v1/events/${what}`, body);
const destination = 'http://127.0.0.1:9/';

t.test('with nothing there, nothing is changed', async (t) => {
  for (const what of ['cancel', 'retry'] as const) {
    t.match((await change(what, { filter: { source: 'bulk' } })).body, { matched: 0, changed: 0, has_more: false });
  }
});

t.test('cancel by filter, in pieces, then put back', async (t) => {
  const events = Array.from({ length: 50 }, (_, index) => ({
    source: 'bulk',
    destination,
    delay: '1d',
    tags: { half: index % 2 === 0 ? 'one' : 'two' },
  }));
  const { body } = await client.batch([...events, { source: 'other', destination, delay: '1d' }]);
  t.equal(body.accepted, 51);
  t.match(await change('cancel', { filter: { source: 'bulk' }, limit: 20 }), {
    status: 200,
    body: { matched: 20, changed: 20, has_more: true },
  });
  t.match((await change('cancel', { filter: { source: 'bulk' }, limit: 30 })).body, {
    matched: 30,
    changed: 30,
    has_more: false,
  });
  t.match((await change('cancel', { filter: { source: 'bulk' } })).body, { matched: 0, changed: 0, has_more: false });
  const cancelled = await client.get<{ data: unknown[] }>('/api/v1/events?source=bulk&status=CANCELLED&limit=100');
  t.equal(cancelled.body.data.length, 50);
  const kept = await client.get<{ data: unknown[] }>('/api/v1/events?source=other&status=SCHEDULED');
  t.equal(kept.body.data.length, 1);
  t.match((await change('retry', { filter: { source: ['bulk'], 'tag.half': 'one', status: 'CANCELLED' } })).body, {
    matched: 25,
    changed: 25,
    has_more: false,
  });
  const back = await client.get<{ data: unknown[] }>('/api/v1/events?source=bulk&status=CANCELLED&limit=100');
  t.equal(back.body.data.length, 25);
});

t.test('a filter with nothing in it, or something else, is refused', async (t) => {
  for (const what of ['cancel', 'retry'] as const) {
    for (const [body, pointer] of [
      [{}, '/filter'],
      [{ filter: {} }, '/filter'],
      [{ filter: [] }, '/filter'],
      [{ filter: { sorce: 'x' } }, '/filter/sorce'],
      [{ filter: { status: 'gone' } }, '/filter/status'],
      [{ filter: { source: [] } }, '/filter/source'],
      [{ filter: { source: null } }, '/filter/source'],
      [{ filter: { source: 'x' }, limit: 0 }, '/limit'],
      [{ filter: { source: 'x' }, limit: 1_000_001 }, '/limit'],
      [{ filter: { source: 'x' }, limits: 5 }, '/limits'],
    ] as const) {
      const { status, body: answer } = await change(what, body);
      t.match({ status, code: answer.code }, { status: 422, code: 'invalid' }, JSON.stringify(body));
      t.ok(
        answer.errors?.some((error) => error.pointer === pointer),
        `${JSON.stringify(body)}: ${JSON.stringify(answer.errors)}`,
      );
    }
    t.match(await change(what, '{"filter":'), { status: 400, body: { code: 'malformed-json' } });
    t.match(await change(what, '{"filter":{"source":"x"},"filter":{"status":"DEAD"}}'), {
      status: 400,
      body: { code: 'malformed-json', detail: 'the key "filter" is given twice' },
    });
  }
});
