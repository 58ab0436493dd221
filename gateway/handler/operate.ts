/** For operators and orchestrators: health and metrics. None of them asks a partition, so they answer under any load. */
import type { Health } from '../../engine/index.js';
import { readQuery } from '../http/query.js';
import { replyJson, replyText } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { isRefusal } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

/** What is how: always 200, for people and dashboards. */
export function readHealth(request: Request, { health }: Services): Answer {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  return replyJson(200, JSON.stringify(health.now()));
}

/** Whoever answers is alive: a restart would not help. */
export const readLiveness = readHealth;

/** Whether to send work here. */
export function readReadiness(request: Request, services: Services): Answer {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const health = services.health.now();
  return replyJson(takesWork(health) ? 200 : 503, JSON.stringify(health));
}

function takesWork({ status, components }: Health): boolean {
  if (status === 'ready') return true;
  if (status !== 'degraded') return false;
  const partitions = components.filter(({ name }) => name.startsWith('partition '));
  return partitions.length === 0 || partitions.some((partition) => partition.status === 'ready');
}

export async function readMetrics(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  return replyText(200, 'text/plain; version=0.0.4; charset=utf-8', await engine.metrics());
}
