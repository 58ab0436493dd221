import t from 'tap';
import { RouteTable } from '../../gateway/route-table.js';
import { routes } from '../../gateway/routes.js';

function table(...calls: readonly string[]): RouteTable<{ method: string; path: string }> {
  return new RouteTable(
    calls.map((call) => {
      const [method, path] = call.split(' ');
      return { method: method!, path: path! };
    }),
  );
}

t.test('the most specific path answers, whatever the order of the table', (t) => {
  const calls = ['GET /e/{id}/all', 'GET /e/{id}', 'GET /e/external/{id}/all', 'GET /e/external/{id}', 'GET /e/mine'];
  for (const order of [calls, calls.toReversed()]) {
    const routes = table(...order);
    const found = (path: string): unknown => {
      const match = routes.match('GET', path);
      return match.kind === 'route' ? [match.route.path, match.parameter] : match.kind;
    };
    t.same(found('/e/mine'), ['/e/mine', '']);
    t.same(found('/e/1'), ['/e/{id}', '1']);
    t.same(found('/e/1/all'), ['/e/{id}/all', '1']);
    t.same(found('/e/external/1'), ['/e/external/{id}', '1']);
    t.same(found('/e/external/1/all'), ['/e/external/{id}/all', '1']);
  }
  t.end();
});

t.test('a path has one spelling', (t) => {
  const routes = table('GET /e', 'GET /e/{id}', 'POST /e/{id}/x');
  for (const path of [
    '/E',
    '/e/',
    '//e',
    '/e//x',
    '/./e',
    '/f/../e',
    '/%65',
    '/e%2f1',
    '/e;a',
    '/e/1/',
    '/e/1/2',
    '/e/1/2/x',
    '',
  ])
    t.same(routes.match('GET', path), { kind: 'no-path' }, path);
  for (const parameter of ['..', '%2e%2e', 'a%2fb', '%00', 'a\\b', '{id}'])
    t.match(routes.match('GET', `/e/${parameter}`), { kind: 'route', parameter }, parameter);
  t.end();
});

t.test('HEAD is the call that GET is, but for an answer without an end', (t) => {
  const endless = { method: 'GET', path: '/follow', isEndless: true };
  const routes = new RouteTable([{ method: 'GET', path: '/e/{id}' }, { method: 'POST', path: '/e' }, endless]);
  t.match(routes.match('HEAD', '/e/1'), { kind: 'route', route: { method: 'GET' }, parameter: '1' });
  t.same(routes.match('HEAD', '/e'), { kind: 'wrong-method', allow: 'POST' });
  t.same(routes.match('HEAD', '/follow'), { kind: 'wrong-method', allow: 'GET' });
  t.end();
});

t.test('another method is told which ones there are, and names of object members are no methods', (t) => {
  const routes = table('GET /e/{id}', 'DELETE /e/{id}');
  t.same(routes.match('POST', '/e/1'), { kind: 'wrong-method', allow: 'GET, HEAD, DELETE' });
  for (const method of ['get', 'constructor', '__proto__', 'toString'])
    t.equal(routes.match(method, '/e/1').kind, 'wrong-method');
  t.end();
});

t.test('a call that stands in the table twice is a mistake', (t) => {
  t.throws(() => table('GET /e/{id}', 'GET /e/{name}'), /twice/);
  t.end();
});

t.test('only health, problems and descriptions ask for no key', (t) => {
  const open = routes.filter(({ scope }) => scope === 'none').map(({ path }) => path);
  t.same(
    open.filter((path) => !/^(\/api\/v1)?\/health(\/live|\/ready)?$|^\/problems\/\{code\}$|^\/openapi\.json$/.test(path)),
    [],
  );
  for (const { method, path, scope } of routes) {
    if (method === 'GET') t.not(scope, 'write', `${path} changes nothing`);
    else t.match(scope, /^(write|admin)$/, `${method} ${path} changes something`);
  }
  t.end();
});
