/**
 * How to make each call that the description of the API names, by its `operationId`: what cannot be read off the description, such
 * as an event that is there, and in the right state.
 */
import type { HttpAnswer } from '../support/http.js';

/** What a call needs besides its method, path and first example of a body. Everything is optional. */
export interface Prepared {
  /** Instead of the example of the path's parameter. */
  readonly parameter?: string;
  /** With the question mark. */
  readonly query?: string;
  readonly body?: unknown;
  /** What it is answered; the first documented status unless said otherwise. */
  readonly status?: number;
}

export interface World {
  /** Schedules an event for years ahead; its id. */
  pending(fields?: Readonly<Record<string, unknown>>): Promise<string>;
  post(path: string, body?: unknown): Promise<HttpAnswer<unknown>>;
}

export type Prepare = (world: World) => Promise<Prepared> | Prepared;

const plain: Prepare = () => ({});
const onPending: Prepare = async ({ pending }) => ({ parameter: await pending() });

const onExternal: Prepare = async ({ pending }) => {
  const parameter = `by-name-${++named}`;
  await pending({ external_job_id: parameter });
  return { parameter };
};
let named = 0;

const onCancelled: Prepare = async (world) => {
  const parameter = await world.pending();
  await world.post(`/api/v1/events/${parameter}/cancel`);
  return { parameter };
};

const onCancelledExternal: Prepare = async (world) => {
  const parameter = `by-name-${++named}`;
  await world.post(`/api/v1/events/${await world.pending({ external_job_id: parameter })}/cancel`);
  return { parameter };
};

/** One entry for each way in which a call is answered well. */
export const documentedCalls: Readonly<Record<string, readonly Prepare[]>> = {
  scheduleEvent: [
    () => ({ body: { destination: 'https://example.org/hook', external_job_id: 'documented' }, status: 201 }),
    () => ({ body: { destination: 'https://example.org/hook', external_job_id: 'documented' }, status: 200 }),
  ],
  scheduleBatch: [plain, () => ({ query: '?results=errors', body: { events: [{ destination: 'https://example.org' }, {}] } })],
  readEvent: [onPending],
  listEvents: [
    plain,
    () => ({ query: '?status=SCHEDULED&sort=scheduled_at&order=asc&limit=1' }),
    () => ({ query: '?page=0&size=1' }),
  ],
  cancelEvents: [plain],
  retryEvents: [plain],
  readEventByExternalId: [onExternal],
  listEventsByExternalId: [onExternal],
  readHistory: [onPending],
  deleteEvent: [onPending],
  cancelEvent: [onPending],
  changeEvent: [onPending],
  retryEvent: [onCancelled],
  fireEvent: [onPending],
  deleteEventByExternalId: [onExternal],
  cancelEventByExternalId: [onExternal],
  changeEventByExternalId: [onExternal],
  retryEventByExternalId: [onCancelledExternal],
  fireEventByExternalId: [onExternal],
  putEvent: [
    () => ({ parameter: `put-${++named}`, status: 201 }),
    async (world) => ({ ...(await onExternal(world)), body: { destination: 'https://example.org/hook', delay: '1d' } }),
  ],
  listDestinations: [plain, () => ({ query: '?limit=1' })],
  readDestination: [plain],
  changeDestination: [plain],
  // Of everything it asks nobody, so it cannot fail.
  readStatistics: [() => ({ query: '?source=order-service&type=reminder' }), plain],
  // The server of these tests works alone.
  readCluster: [() => ({ status: 404 })],
  readMetricsHistory: [plain, () => ({ query: '?from_time=2026-01-01T00:00:00Z' })],
  readHealth: [plain],
  readLiveness: [plain],
  readReadiness: [plain],
  readHealthBelowApi: [plain],
  readLivenessBelowApi: [plain],
  readReadinessBelowApi: [plain],
  readMetrics: [plain],
  readProblem: [plain],
  readDescription: [plain],
};
