import t from 'tap';
import { DestinationDesk } from '../../engine/destination-desk.js';
import type { OriginAsked } from '../../engine/dispatch/origin-couriers.js';
import { defaultSettings, placeOfOrigin } from '../../engine/event/origin-settings.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import type { Accepted } from '../../engine/router/host-link.js';
import { destinationOf } from '../support/fake-engine.js';

const origin = 'https://one.test';
const place = placeOfOrigin(origin, 4);

/** Partitions and couriers that note what they are asked; `stopped` partitions refuse. */
function setup({ stopped = [], unread = false }: { stopped?: readonly number[]; unread?: boolean } = {}) {
  const asked: string[] = [];
  const questions: OriginAsked[] = [];
  const desk = new DestinationDesk({
    partitions: 4,
    ask: (partition, request) => {
      asked.push(`${request.op} ${partition}`);
      if (stopped.includes(partition)) return Promise.reject(new EngineError('partition-unavailable', 'it has stopped'));
      const settings = { ...defaultSettings, paused: true };
      return Promise.resolve({
        op: 'settings',
        request: 1,
        row: { origin, version: 7 as Sequence, settings },
      } satisfies Accepted);
    },
    couriers: {
      one: (question) => {
        asked.push('couriers');
        questions.push(question);
        return Promise.resolve(unread ? null : destinationOf(question.origin));
      },
      page: ({ after, limit }) => {
        const all = ['http://0.test', 'http://1.test', 'http://2.test'].filter((name) => name > after);
        return Promise.resolve(unread ? null : all.slice(0, limit).map(destinationOf));
      },
    },
  });
  return { desk, asked, questions };
}

t.test('a change is decided at home, copied, and then put in force', async (t) => {
  const { desk, asked, questions } = setup();
  await desk.configure(origin, { paused: true });
  t.same(asked, [`configure ${place.home}`, `keep-copy ${place.second}`, 'couriers']);
  t.match(questions, [{ origin, row: { version: 7, settings: { paused: true } }, closeBreaker: false }]);
});

t.test('with its home stopped nothing is changed', async (t) => {
  const { desk, asked } = setup({ stopped: [place.home] });
  await t.rejects(desk.configure(origin, { paused: true }), { code: 'partition-unavailable' });
  t.same(asked, [`configure ${place.home}`]);
});

t.test('with the second stopped the change is in force, and the asker is told to repeat it', async (t) => {
  const { desk, questions } = setup({ stopped: [place.second!] });
  await t.rejects(desk.configure(origin, { paused: true }), {
    code: 'partition-unavailable',
    message: /it is set, but its copy/,
  });
  t.match(questions, [{ row: { settings: { paused: true } } }]);
});

t.test('a breaker is reset without a record', async (t) => {
  const { desk, asked, questions } = setup();
  await desk.configure(origin, { closeBreaker: true });
  t.same(asked, ['couriers']);
  t.match(questions, [{ row: null, closeBreaker: true }]);
});

t.test('a page says whether there is more behind it', async (t) => {
  const { desk } = setup();
  const page = await desk.page({ after: '', limit: 2 });
  t.same(
    page.data.map((each) => each.origin),
    ['http://0.test', 'http://1.test'],
  );
  t.ok(page.hasMore);
  t.match(await desk.page({ after: 'http://0.test', limit: 2 }), { hasMore: false });
});

t.test('what nobody knows yet is refused, not guessed', async (t) => {
  const { desk } = setup({ unread: true });
  await t.rejects(desk.one(origin), { code: 'partition-unavailable', message: /has not been read/ });
  await t.rejects(desk.page({ after: '', limit: 2 }), { code: 'partition-unavailable' });
});
