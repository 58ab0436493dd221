/**
 * Which call is answered where, and who may make it: the whole surface in one table. `route-table.ts` finds the line of a
 * request in it.
 */
import { batchBodyBytesMax, eventBodyBytesMax } from '../engine/index.js';
import { cancelEvents, retryEvents } from './handler/change-events.js';
import { cancelEvent } from './handler/cancel-event.js';
import { changeDestination, listDestinations, readDestination } from './handler/destinations.js';
import { followEvents } from './handler/follow-events.js';
import { readHealth, readLiveness, readMetrics, readReadiness } from './handler/operate.js';
import { fireEvent } from './handler/fire-event.js';
import { listEvents } from './handler/list-events.js';
import { patchEvent } from './handler/patch-event.js';
import { putEvent } from './handler/put-event.js';
import { readEvent, readHistory } from './handler/read-event.js';
import { readCluster } from './handler/read-cluster.js';
import { readDescription } from './handler/read-description.js';
import { listExternal, readExternal } from './handler/read-external.js';
import { readProblem } from './handler/read-problem.js';
import { readMetricsHistory, readStatistics } from './handler/read-statistics.js';
import { retryEvent } from './handler/retry-event.js';
import { scheduleBatch } from './handler/schedule-batch.js';
import { scheduleEvent } from './handler/schedule-event.js';
import type { Handler } from './handler/services.js';
import { refuseWithoutUpgrade } from './handler/without-upgrade.js';
import type { KeyScope } from './access/api-key.js';
import { destinationBodyBytesMax, bulkBodyBytesMax, emptyBodyBytesMax } from './limits.js';
import { type Match, RouteTable } from './route-table.js';

export interface Route {
  /** As sent, case and all: methods are case-sensitive. HEAD comes with GET. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `{name}` stands for one segment that is not empty; there is at most one. */
  readonly path: string;
  /** What a key must be allowed to do. `none`: no key is asked for. */
  readonly scope: KeyScope | 'none';
  /** The key may come as `?token=`: for what browsers open without being able to set a header. */
  readonly tokenInQuery: boolean;
  readonly handler: Handler;
  readonly bodyBytesMax: number;
  /** The handler has done with the body when it returns: a body that came whole is not copied for it. */
  readonly readsAtOnce: boolean;
  /** Answered also while the gateway is stopping. */
  readonly whileStopping: boolean;
  /** It brings new events: what is refused first when memory is short. */
  readonly bringsWork: boolean;
  /** What follows the head of its answer goes on until somebody ends it: there is no HEAD. */
  readonly isEndless: boolean;
  /** Answered also by a node that is an engine and no gateway: about the process, not about events. */
  readonly onEngines: boolean;
}

/** A WebSocket: the server takes upgrades before they get here, and asks for this line's scope. */
export const streamPath = '/api/v1/stream';

type Line = Pick<Route, 'scope' | 'handler'> & Partial<Route>;

function route(call: `${Route['method']} /${string}`, line: Line): Route {
  const [method, path] = call.split(' ') as [Route['method'], string];
  return {
    method,
    path,
    tokenInQuery: false,
    bodyBytesMax: emptyBodyBytesMax,
    readsAtOnce: false,
    whileStopping: false,
    bringsWork: false,
    isEndless: false,
    onEngines: false,
    ...line,
  };
}

const external = '/api/v1/events/external/{external_job_id}';
const follow = { scope: 'read', tokenInQuery: true, isEndless: true } as const;
const probe = { scope: 'none', whileStopping: true, onEngines: true } as const;

export const routes: readonly Route[] = [
  route('POST /api/v1/events', {
    scope: 'write',
    handler: scheduleEvent,
    bodyBytesMax: eventBodyBytesMax,
    readsAtOnce: true,
    bringsWork: true,
  }),
  route('POST /api/v1/events/batch', {
    scope: 'write',
    handler: scheduleBatch,
    bodyBytesMax: batchBodyBytesMax,
    bringsWork: true,
  }),
  route('GET /api/v1/events', { scope: 'read', handler: listEvents }),
  route('POST /api/v1/events/cancel', { scope: 'write', handler: cancelEvents, bodyBytesMax: bulkBodyBytesMax }),
  route('POST /api/v1/events/retry', { scope: 'write', handler: retryEvents, bodyBytesMax: bulkBodyBytesMax }),
  route('GET /api/v1/events/statistics', { scope: 'read', handler: readStatistics }),
  route('GET /api/v1/metrics/history', { scope: 'read', handler: readMetricsHistory }),
  route('GET /api/v1/cluster', { scope: 'read', handler: readCluster }),
  route(`GET ${external}`, { scope: 'read', handler: readExternal }),
  route(`GET ${external}/all`, { scope: 'read', handler: listExternal }),
  route('GET /api/v1/events/{id}', { scope: 'read', handler: readEvent }),
  route('DELETE /api/v1/events/{id}', { scope: 'write', handler: cancelEvent('id') }),
  route('PATCH /api/v1/events/{id}', { scope: 'write', handler: patchEvent('id'), bodyBytesMax: eventBodyBytesMax }),
  route('GET /api/v1/events/{id}/history', { scope: 'read', handler: readHistory }),
  route('POST /api/v1/events/{id}/cancel', { scope: 'write', handler: cancelEvent('id') }),
  route('POST /api/v1/events/{id}/retry', { scope: 'write', handler: retryEvent('id') }),
  route('POST /api/v1/events/{id}/fire', { scope: 'write', handler: fireEvent('id') }),
  route(`DELETE ${external}`, { scope: 'write', handler: cancelEvent('external') }),
  route(`PATCH ${external}`, { scope: 'write', handler: patchEvent('external'), bodyBytesMax: eventBodyBytesMax }),
  route(`PUT ${external}`, { scope: 'write', handler: putEvent, bodyBytesMax: eventBodyBytesMax, bringsWork: true }),
  route(`POST ${external}/cancel`, { scope: 'write', handler: cancelEvent('external') }),
  route(`POST ${external}/retry`, { scope: 'write', handler: retryEvent('external') }),
  route(`POST ${external}/fire`, { scope: 'write', handler: fireEvent('external') }),
  route('GET /api/v1/destinations', { scope: 'read', handler: listDestinations }),
  route('GET /api/v1/destinations/{origin}', { scope: 'read', handler: readDestination }),
  route('PATCH /api/v1/destinations/{origin}', {
    scope: 'admin',
    handler: changeDestination,
    bodyBytesMax: destinationBodyBytesMax,
  }),
  route(`GET ${streamPath}`, { ...follow, handler: refuseWithoutUpgrade }),
  route('GET /api/v1/stream/sse', { ...follow, handler: followEvents }),
  route('GET /health', { ...probe, handler: readHealth }),
  route('GET /health/live', { ...probe, handler: readLiveness }),
  route('GET /health/ready', { ...probe, handler: readReadiness }),
  route('GET /api/v1/health', { ...probe, handler: readHealth }),
  route('GET /api/v1/health/live', { ...probe, handler: readLiveness }),
  route('GET /api/v1/health/ready', { ...probe, handler: readReadiness }),
  route('GET /metrics', { scope: 'read', handler: readMetrics, whileStopping: true, onEngines: true }),
  route('GET /problems/{code}', { scope: 'none', handler: readProblem, onEngines: true }),
  route('GET /openapi.json', { scope: 'none', handler: readDescription }),
];

/**
 * What most requests are sent to, by POST. The server library looks for them by itself, so that it need not be asked for method and path, two calls into
 * native code and two texts for each request.
 */
export const busyPaths: readonly string[] = routes
  .filter(({ bringsWork, method }) => bringsWork && method === 'POST')
  .map(({ path }) => path);

const table = new RouteTable(routes);

export const streamRoute = routes.find(({ path }) => path === streamPath)!;

export function matchRoute(method: string, path: string): Match<Route> {
  return table.match(method, path);
}
