/**
 * `/openapi.json` says what is: every call of the table is described, every example has the form that is described for it, every
 * described answer is what a running server answers, every described refusal can be had.
 */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EngineError, type ErrorCode, errorKinds } from '../../engine/index.js';
import { keyScopes, mintApiKey } from '../../gateway/access/api-key.js';
import { changeKeyFile } from '../../gateway/access/key-file.js';
import { operations } from '../../gateway/api/operations.js';
import { problemsOf } from '../../gateway/api/openapi.js';
import { problemText, refusalCodes, statusOf } from '../../gateway/http/problem.js';
import { type Route, routes } from '../../gateway/routes.js';
import { setupGateway } from '../support/gateway.js';
import { type HttpAnswer, Client, type Method } from '../support/http.js';
import { misfits, type Schema } from '../support/json-schema.js';
import { type RawClient, rawConnect, rawRequest } from '../support/raw-http.js';
import { startServer } from '../support/server.js';
import { documentedCalls, type Prepared, type World } from './documented-calls.js';

interface Media {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Schema;
    readonly example: unknown;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const server = await startServer(t);
const { client } = server;
const { body: description } = await client.get<Description>('/openapi.json');
const resolve = (reference: string): Schema => description.components.schemas[reference.replace('#/components/schemas/', '')]!;
const callOf = ({ method, path }: Route): string => `${method} ${path}`;
const describedOf = ({ method, path }: Route): Described | undefined => description.paths[path]?.[method.toLowerCase()];
const isStream = ({ path }: Route): boolean => path.startsWith('/api/v1/stream');

t.test('every call is described once, with its scope, and nothing else is', async (t) => {
  t.equal(description.openapi, '3.1.0');
  for (const route of routes) {
    const described = describedOf(route);
    t.ok(described, `${callOf(route)} is described in gateway/api/`);
    t.same(described?.security, route.scope === 'none' ? [] : [{ apiKey: [route.scope] }], callOf(route));
    const variable = /\{(\w+)\}/.exec(route.path)?.[1];
    t.same(
      described?.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name),
      variable === undefined ? [] : [variable],
    );
  }
  const calls = routes.map(callOf);
  t.same(
    Object.keys(operations).filter((call) => !calls.includes(call)),
    [],
    'what is described exists',
  );
  t.same(Object.values(description.paths).flatMap((methods) => Object.keys(methods)).length, routes.length);
  const ids = Object.values(operations).map(({ id }) => id);
  t.equal(new Set(ids).size, ids.length, 'names are unique');
  t.same(
    ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id)),
    [],
  );
});

t.test('every reference leads somewhere, every example has its form', async (t) => {
  for (const [, reference] of JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)) t.ok(resolve(reference!), reference);
  for (const methods of Object.values(description.paths)) {
    for (const { operationId, parameters, requestBody, responses } of Object.values(methods)) {
      for (const { name, schema, example } of parameters) t.same(misfits(example, schema, resolve), [], `${operationId} ${name}`);
      const media = [requestBody, ...Object.values(responses)].flatMap((part) => Object.values(part?.content ?? {}));
      for (const { schema, example, examples = {} } of media) {
        const values = [...Object.values(examples).map(({ value }) => value), ...(example === undefined ? [] : [example])];
        for (const value of values) t.same(misfits(value, schema, resolve), [], operationId);
      }
    }
  }
});

t.test('every code is described with a call that answers it, and has a short text behind its type', async (t) => {
  const described = new Set(routes.flatMap((route) => problemsOf(route, operations[callOf(route)]!)));
  // They belong to methods that are not in the table, and to nodes that do not have the table.
  t.same(
    refusalCodes.filter((code) => !described.has(code)),
    ['method-not-allowed', 'misdirected'],
  );
  for (const code of refusalCodes) {
    const { status, text } = await client.get(`/problems/${code}`);
    t.equal(status, 200, code);
    t.equal(text, problemText(code));
    t.ok(text.split('\n').length < 8, 'it is short');
  }
});

/** Everything that a call needs, from its description and what was prepared. */
function requestFor(route: Route, { parameter, query = '', body }: Prepared) {
  const described = describedOf(route)!;
  const example = described.parameters.find((given) => given.in === 'path')?.example;
  const path = route.path.replace(/\{\w+\}/, String(parameter ?? example)) + query;
  const examples = described.requestBody?.content['application/json']?.examples ?? {};
  const given = body ?? Object.values(examples)[0]?.value;
  return { method: route.method as Method, path, ...(given === undefined ? {} : { body: given }) };
}

function worldOf(client: Client, headers: Readonly<Record<string, string>> = {}): World {
  const post = (path: string, body?: unknown): Promise<HttpAnswer<unknown>> => client.post(path, body, headers);
  return {
    post,
    async pending(fields = {}) {
      const { status, body, text } = await post('/api/v1/events', {
        destination: 'https://example.org/',
        delay: '500d',
        ...fields,
      });
      if (status !== 201) throw new Error(`the event was not scheduled: ${status} ${text}`);
      return (body as { id: string }).id;
    },
  };
}

t.test('every described call is answered as described', async (t) => {
  await server.ready();
  for (const route of routes.filter((route) => !isStream(route))) {
    const described = describedOf(route)!;
    const calls = documentedCalls[described.operationId];
    if (calls === undefined) t.fail(`${described.operationId}: say in test/contract/documented-calls.ts how it is called`);
    for (const prepare of calls ?? []) {
      const prepared = await prepare(worldOf(client));
      const answer = await client.send(requestFor(route, prepared));
      const expected = prepared.status ?? Number(Object.keys(described.responses)[0]);
      t.equal(answer.status, expected, `${described.operationId}: ${answer.text.slice(0, 300)}`);
      const [mediaType, media] = Object.entries(described.responses[answer.status]?.content ?? {})[0] ?? [];
      t.equal(answer.headers['content-type'], mediaType, described.operationId);
      t.same(misfits(answer.body ?? answer.text, media!.schema, resolve), [], described.operationId);
    }
    for (const { name, example } of described.parameters.filter(
      (parameter) => parameter.in === 'query' && parameter.name !== 'cursor',
    )) {
      const prepared = await calls![0]!(worldOf(client));
      const { status } = await client.send(
        requestFor(route, { ...prepared, query: `?${name}=${encodeURIComponent(String(example)).replaceAll('%2C', ',')}` }),
      );
      t.not(status, 422, `${described.operationId}, parameter ${name}`);
    }
    for (const [name, { value }] of Object.entries(described.requestBody?.content['application/json']?.examples ?? {})) {
      const prepared = await calls![0]!(worldOf(client));
      const { status } = await client.send(requestFor(route, { ...prepared, body: value }));
      t.ok(status < 300, `${described.operationId}, example ${name}: ${status}`);
    }
  }
});

/** A gateway with keys, in front of an engine that fails as it is told. */
async function setupRefusals(t: Test) {
  const file = join(t.testdir(), 'keys.json');
  const createdAt = '2026-11-20T10:00:00.000Z';
  const all = mintApiKey({ name: 'all', scopes: keyScopes, rateLimit: null, createdAt });
  const limited = mintApiKey({ name: 'limited', scopes: keyScopes, rateLimit: { requests: 1, windowS: 86_400 }, createdAt });
  const byScope = Object.fromEntries(
    keyScopes.map((scope) => [scope, mintApiKey({ name: scope, scopes: [scope], rateLimit: null, createdAt })]),
  );
  changeKeyFile(file, () => [all, limited, ...Object.values(byScope)].map(({ key }) => key));
  const gateway = await setupGateway(t, { config: { role: 'serve', host: '127.0.0.1', port: 0, tls: null, apiKeys: file } });
  const client = new Client(() => gateway.url);
  t.teardown(() => client.close());
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  await client.get('/metrics', bearer(limited.token));
  const withoutScope = (scope: string): string => Object.entries(byScope).find(([name]) => name !== scope)![1].token;
  return {
    gateway,
    client,
    mine: bearer(all.token),
    spent: bearer(limited.token),
    lacking: (scope: string) => bearer(withoutScope(scope)),
  };
}

t.test('every described refusal can be had, and is a problem as described', async (t) => {
  const { gateway, client, mine, spent, lacking } = await setupRefusals(t);
  const { engine, port } = gateway;
  for (const route of routes) {
    const operation = operations[callOf(route)]!;
    const prepared = isStream(route) ? {} : await documentedCalls[operation.id]![0]!(worldOf(client, mine));
    const good = requestFor(route, prepared);
    const send = (changes: object, headers: object = mine) =>
      client.send<Schema>({ ...good, ...changes, headers: { ...headers } as Record<string, string> });
    const raw = async (line: string) => {
      const head = [
        `${good.method} ${good.path} HTTP/1.1`,
        'Host: x',
        `Authorization: ${mine.authorization}`,
        'Content-Type: application/json',
        line,
      ];
      const { status, body } = await rawRequest(port, `${head.join('\r\n')}\r\n\r\n`);
      return { status, body: JSON.parse(body) as Schema };
    };
    const fails = (error: Error) => {
      engine.next = error;
      return send({});
    };
    const isEngineCode = (code: string): code is ErrorCode => code in errorKinds;
    for (const code of problemsOf(route, operation)) {
      // Streams are asked for in their own tests, and a stop is a test of its own below.
      if (code === 'stopping' || (isStream(route) && code === 'invalid')) continue;
      let answer: { readonly status: number; readonly body: Schema };
      if (code === 'unauthenticated') answer = await send({}, {});
      else if (code === 'forbidden') answer = await send({}, lacking(route.scope));
      else if (code === 'rate-limited') answer = await send({}, spent);
      else if (code === 'malformed-request') answer = await raw('Transfer-Encoding: gzip');
      else if (code === 'too-large') answer = await raw('Content-Length: 999999999');
      else if (code === 'malformed-json') answer = await send({ body: '{"a":' });
      else if (code === 'unsupported-media-type') answer = await send({}, { ...mine, 'content-type': 'text/plain' });
      else if (code === 'invalid') answer = await send({ path: `${good.path.split('?')[0]}?nonsense=1` });
      else if (code === 'not-found' && route.path.startsWith('/problems/')) answer = await send({ path: '/problems/nonsense' });
      else if (code === 'not-found' && route.path === '/api/v1/cluster') answer = await send({});
      else if (code === 'internal') answer = await fails(new Error('provoked by a test'));
      else if (isEngineCode(code)) answer = await fails(new EngineError(code, 'provoked by a test'));
      else throw new Error(`${operation.id}: say here how ${code} is had`);
      t.match(
        answer,
        { status: statusOf(code), body: { code, type: `/problems/${code}`, status: statusOf(code) } },
        `${operation.id} ${code}`,
      );
      t.same(misfits(answer.body, resolve('#/components/schemas/Problem'), resolve), [], `${operation.id} ${code}`);
      t.equal(engine.next, null, `${operation.id} asks the engine, so it may fail as described`);
      engine.next = null;
    }
  }
});

t.test('while it stops, every call is refused but those that are described otherwise', async (t) => {
  const { gateway, mine } = await setupRefusals(t);
  const connections = [...routes, null, null].map((route) => ({ route, raw: rawConnect(gateway.port) }));
  const answersIn = (text: string): number => text.match(/HTTP\/1\.1 /g)?.length ?? 0;
  const ask = ({ socket }: RawClient, call: string): void => {
    socket.write(`${call} HTTP/1.1\r\nHost: x\r\nAuthorization: ${mine.authorization}\r\nContent-Length: 0\r\n\r\n`);
  };
  for (const { raw } of connections) ask(raw, 'GET /health/live');
  await Promise.all(connections.map(({ raw }) => raw.until((text) => answersIn(text) === 1)));
  // One request is kept waiting, so that the stop does not end at once; another one shows that it has arrived.
  let open!: () => void;
  gateway.engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  const [waiting, other] = connections.map(({ raw }) => raw).slice(-2) as [RawClient, RawClient];
  ask(waiting, 'GET /api/v1/events/x');
  ask(other, 'GET /health/live');
  await other.until((text) => answersIn(text) === 2);
  const closed = gateway.close();
  for (const { route, raw } of connections) {
    if (route !== null) ask(raw, `${route.method} ${route.path.replace(/\{\w+\}/, 'x')}`);
  }
  for (const { route, raw } of connections) {
    if (route === null) continue;
    await raw.until((text) => answersIn(text) === 2 && /[}\n]\s*$/.test(text.slice(text.lastIndexOf('HTTP/1.1 '))));
    const second = raw.text().split('HTTP/1.1 ')[2] ?? '';
    const isDescribed = problemsOf(route, operations[callOf(route)]!).includes('stopping');
    t.equal(/"code":"stopping"/.test(second), isDescribed, callOf(route));
  }
  open();
  for (const { raw } of connections) raw.socket.destroy();
  await closed;
});
