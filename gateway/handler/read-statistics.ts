/** Figures of the engine: how it is now, and how it was lately. Neither asks a partition. */
import type { WallMs } from '../../engine/index.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { formatInstant, parseInstant } from '../input/instant.js';
import { isRefusal } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

/** `GET /events/statistics` */
export function readStatistics(request: Request, { engine }: Services): Answer {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  return replyJson(200, JSON.stringify(engine.statistics()));
}

/** `GET /metrics/history` */
export function readMetricsHistory(request: Request, { engine }: Services): Answer {
  const query = readQuery(request.query, ['from_time']);
  if (isRefusal(query)) return query;
  const text = query.get('from_time');
  // A plus sign that was not escaped has come as a space.
  const from = text === undefined ? null : parseInstant(text.replace(' ', '+'));
  if (typeof from === 'string') return refuseQuery(`the query parameter from_time must ${from}`);
  const { resolution_ms: resolution, series } = engine.metricsHistory(from as WallMs | null);
  const rows = series.map(({ at, ...rest }) => ({ at: formatInstant(at), ...rest }));
  return replyJson(200, JSON.stringify({ resolution_ms: resolution, series: rows }));
}
