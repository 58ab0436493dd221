/** `GET /destinations`, `GET` and `PATCH /destinations/{origin}`: who is behind, and what is done about it. */
import type { Destination } from '../../engine/index.js';
import { refuseOtherThanJson } from '../http/media-type.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readDestinationChange } from '../input/destination-change.js';
import { formatInstant } from '../input/fields/instant.js';
import { readOrigin } from '../input/fields/origin.js';
import { isRefusal, type Refusal, refuse } from '../input/refusal.js';
import { pageRowsMax, pageRowsUsual } from '../limits.js';
import type { Answer, Services } from './services.js';

export async function listDestinations(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, ['limit', 'cursor']);
  if (isRefusal(query)) return query;
  const limit = Number(query.get('limit') ?? pageRowsUsual);
  if (!/^\d{1,9}$/.test(query.get('limit') ?? '1') || limit < 1 || limit > pageRowsMax)
    return refuseQuery(`limit must be an integer from 1 to ${pageRowsMax}`);
  const after = originOfCursor(query.get('cursor') ?? '');
  if (after === null) return refuseQuery('cursor must be one that came with an answer');
  const { data, hasMore } = await engine.destinations({ after, limit });
  const last = data.at(-1);
  const cursor = hasMore && last !== undefined ? Buffer.from(last.origin).toString('base64url') : null;
  return replyJson(200, JSON.stringify({ data: data.map(shown), next_cursor: cursor, has_more: hasMore }));
}

export async function readDestination(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const origin = readOrigin(request.parameter);
  if (origin === null) return noOrigin();
  return replyJson(200, JSON.stringify(shown(await engine.destination(origin))));
}

export async function changeDestination(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const refusal = refuseOtherThanJson(request.contentType);
  if (refusal !== null) return refusal;
  const origin = readOrigin(request.parameter);
  if (origin === null) return noOrigin();
  const change = readDestinationChange(request.body);
  if (isRefusal(change)) return change;
  return replyJson(200, JSON.stringify(shown(await engine.configureDestination(origin, change))));
}

/** Empty for no cursor. A cursor is the last origin that was seen, so a page goes on there however many come and go. */
function originOfCursor(cursor: string): string | null {
  if (cursor === '') return '';
  const origin = Buffer.from(cursor, 'base64url').toString('utf8');
  return Buffer.from(origin).toString('base64url') === cursor ? origin : null;
}

function noOrigin(): Refusal {
  return refuse('not-found', 'an origin is scheme, host and port of a destination, URL-encoded: https%3A%2F%2Fexample.org');
}

function shown(destination: Destination): Readonly<Record<string, unknown>> {
  return {
    origin: destination.origin,
    in_flight: destination.inFlight,
    waiting: destination.waiting,
    breaker: destination.breaker,
    opens_until: destination.opensUntilMs === null ? null : formatInstant(destination.opensUntilMs),
    paused: destination.paused,
    concurrency: destination.concurrency,
    rate_per_second: destination.ratePerSecond,
    success_1m: destination.success1m,
    failure_1m: destination.failure1m,
  };
}
