/** Figures of the engine: how it is now, and how it was lately. */
import type { WallMs } from '../../engine/index.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { formatInstant, parseInstant } from '../input/fields/instant.js';
import { isRefusal } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

/** `GET /events/statistics`: of everything without asking a partition; of a source or type by asking all of them. */
export async function readStatistics(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, ['source', 'type']);
  if (isRefusal(query)) return query;
  const labels = { source: query.get('source') ?? null, type: query.get('type') ?? null };
  const isOfAll = labels.source === null && labels.type === null;
  return replyJson(200, JSON.stringify(isOfAll ? engine.statistics() : await engine.statisticsOf(labels)));
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
