import t from 'tap';
import { createResolver, type ResolveDone } from '../../engine/dispatch/resolver.js';

t.test('concurrent look-ups of one name are one, and the next asks again', (t) => {
  const asked: { hostname: string; done: ResolveDone }[] = [];
  const resolve = createResolver((hostname, done) => asked.push({ hostname, done }));
  const answers: string[] = [];
  const note = (error: Error | null, addresses: readonly { address: string }[]) =>
    answers.push(error?.message ?? addresses[0]!.address);
  for (let count = 0; count < 64; count++) resolve('dead.test', note);
  resolve('other.test', note);
  t.same(
    asked.map(({ hostname }) => hostname),
    ['dead.test', 'other.test'],
  );
  asked[1]!.done(null, [{ address: '192.0.2.1', family: 4 }]);
  asked[0]!.done(new Error('no answer'), []);
  t.equal(answers.filter((answer) => answer === 'no answer').length, 64);
  t.equal(answers[0], '192.0.2.1');
  resolve('dead.test', note);
  t.equal(asked.length, 3);
  t.end();
});

t.test('the resolver of the system knows localhost', (t) => {
  createResolver()('localhost', (error, addresses) => {
    t.equal(error, null);
    t.ok(addresses.some(({ address }) => address === '127.0.0.1' || address === '::1'));
    t.end();
  });
});
