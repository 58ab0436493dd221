import { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Connections } from '../../engine/dispatch/connections.js';

function setup(t: Test, { idleMax, idleMs }: { readonly idleMax: number; readonly idleMs: number }) {
  const connections = new Connections({ connect: () => new Socket(), idleMax, idleMs });
  t.teardown(() => connections.close());
  return connections;
}

t.test('idle connections are bounded over all origins, the longest idle go first', (t) => {
  const connections = setup(t, { idleMax: 3, idleMs: 60_000 });
  const taken = Array.from({ length: 10 }, (_, n) => connections.take(`http://origin-${n}.test`));
  t.same(connections.count, { busy: 10, idle: 0 });
  for (const connection of taken) connections.giveBack(connection);
  t.same(connections.count, { busy: 0, idle: 3 });
  for (let n = 0; n < 7; n++) t.ok(taken[n]!.client.destroyed, `${n} is closed`);
  t.equal(connections.take('http://origin-9.test'), taken[9], 'the newest is used again');
  t.not(connections.take('http://origin-0.test'), taken[0]);
  t.end();
});

t.test('a connection goes back once, and not after it was dropped', (t) => {
  const connections = setup(t, { idleMax: 3, idleMs: 60_000 });
  const one = connections.take('http://a.test');
  connections.giveBack(one);
  connections.giveBack(one);
  t.same(connections.count, { busy: 0, idle: 1 });
  t.equal(connections.take('http://a.test'), one);
  connections.drop(one);
  connections.giveBack(one);
  t.same(connections.count, { busy: 0, idle: 0 });
  t.ok(one.client.destroyed);
  t.end();
});

t.test('the last one in is the first out, and what has long been idle is closed', async (t) => {
  const connections = setup(t, { idleMax: 10, idleMs: 40 });
  const [a, b] = [connections.take('http://a.test'), connections.take('http://a.test')];
  connections.giveBack(a);
  connections.giveBack(b);
  t.equal(connections.take('http://a.test'), b);
  while (connections.count.idle > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.ok(a.client.destroyed);
  t.notOk(b.client.destroyed, 'a busy one is not');
});

t.test('what is given up while it connects takes its socket along', (t) => {
  const sockets: Socket[] = [];
  const connect = () => {
    sockets.push(new Socket());
    return sockets.at(-1)!;
  };
  const connections = new Connections({ connect, idleMax: 3, idleMs: 60_000 });
  const connection = connections.take('http://a.test');
  let errors = 0;
  connection.client.dispatch(
    { path: '/', method: 'GET' },
    {
      onRequestStart: () => t.fail('it never got that far'),
      onResponseError: () => {
        errors += 1;
      },
    },
  );
  t.equal(sockets.length, 1);
  t.notOk(sockets[0]!.destroyed);
  connections.drop(connection);
  t.ok(sockets[0]!.destroyed);
  t.equal(errors, 1);
  connections.close();
  t.end();
});
