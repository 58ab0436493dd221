import t from 'tap';
import { CrewCouriers } from '../../engine/crew-couriers.js';
import type { DestinationQuestion } from '../../engine/dispatch/destination.js';
import { courierOf } from '../../engine/event/courier-of.js';
import { destinationOf } from '../support/fake-engine.js';

/** Three couriers that note what they are asked; those in `unread` do not know yet what is set. */
function setup({ unread = [] }: { unread?: readonly number[] } = {}) {
  const asked: { courier: number; question: DestinationQuestion }[] = [];
  const couriers = new CrewCouriers({
    size: 3,
    ask: (courier, question) => {
      asked.push({ courier, question });
      if (unread.includes(courier)) return Promise.resolve(null);
      const names = question.about === 'one' ? [question.origin] : [`http://${courier}.test`, `http://${courier}.a.test`];
      return Promise.resolve(names.sort().map(destinationOf));
    },
  });
  return { couriers, asked };
}

t.test("an origin is its own courier's business", async (t) => {
  const { couriers, asked } = setup();
  const origin = 'https://one.test';
  t.match(await couriers.one({ origin, row: null, closeBreaker: true }), { origin });
  t.same(asked, [{ courier: courierOf(origin, 3), question: { about: 'one', origin, row: null, closeBreaker: true } }]);
});

t.test('a page is put together from all couriers, in order', async (t) => {
  const { couriers } = setup();
  const page = await couriers.page({ after: '', limit: 3 });
  t.same(
    page?.map((each) => each.origin),
    ['http://0.a.test', 'http://0.test', 'http://1.a.test'],
  );
});

t.test('with one that does not know what is set there is no page', async (t) => {
  const { couriers } = setup({ unread: [1] });
  t.equal(await couriers.page({ after: '', limit: 3 }), null);
});
